import { randomBytes } from 'node:crypto';

/** Signs of names and secrets: base32 of RFC 4648 §6 in lower case, so that each carries five bits. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const FORM = /^app-([a-z2-7]{8})((?:-[a-z2-7]{4}){4})$/;

export interface AppPassword {
  /** The name of its entry in the directory. */
  readonly name: string;
  /** All of it, as the user types it: `app-NAME-AAAA-BBBB-CCCC-DDDD`. */
  readonly password: string;
}

/** Makes an app password of 80 random bits under a random name. */
export function makeAppPassword(): AppPassword {
  const name = randomSigns(8);
  const groups = Array.from({ length: 4 }, () => randomSigns(4));
  return { name, password: `app-${name}-${groups.join('-')}` };
}

/** The name that a password contains; undefined when it is no app password. One bind decides, as the entry of that name. */
export function appPasswordName(password: string): string | undefined {
  return FORM.exec(password)?.[1];
}

function randomSigns(count: number): string {
  return Array.from(randomBytes(count), (octet) => ALPHABET[octet & 31]).join('');
}
