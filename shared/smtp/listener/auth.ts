import { INVALID_TOKEN, parseOauthBearer } from '../../sasl/oauthbearer.ts';
import { parsePlain } from '../../sasl/plain.ts';
import { type Reply, reply } from '../reply.ts';
import type { HardenedConnection } from './connection.ts';
import { refuse } from './own-refusal.ts';
import type { SaslCredentials } from './session.ts';

/** RFC 4954 §4: base64 lines between us, until credentials are there. */
type Step = (response: string) => Step | { readonly challenge: string; readonly next: Step } | Outcome;
type Outcome = { readonly credentials: SaslCredentials } | { readonly malformed: true };

const MALFORMED: Outcome = { malformed: true };
const SUCCEEDED = reply(235, '2.7.0', 'Authentication succeeded');
const CANCELLED = reply(501, '5.7.0', 'Authentication cancelled');
const BAD_RESPONSE = reply(501, '5.5.2', 'Cannot read this authentication response');
const NOT_KNOWN = reply(504, '5.5.4', 'This mechanism is not offered');
const NEEDS_TLS = reply(538, '5.7.11', 'Encryption is required for authentication');
const NOT_OFFERED = reply(502, '5.5.1', 'Command not offered');
const SAY_EHLO = reply(503, '5.5.1', 'Say EHLO first');
const ALREADY = reply(503, '5.5.1', 'You are authenticated already');
const WITHIN_TRANSACTION = reply(503, '5.5.1', 'Not within a mail transaction');

const text = (base64: string): string | undefined => {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  const decoded = Buffer.from(base64, 'base64').toString('utf8');
  return decoded.length > 255 || decoded.includes('\0') || decoded.includes('\ufffd') ? undefined : decoded;
};

const plain: Step = (response) => {
  const credentials = parsePlain(response);
  return credentials === undefined ? MALFORMED : { credentials: { mechanism: 'PLAIN', ...credentials } };
};

/** The draft that everybody speaks: two challenges, `Username:` and `Password:`. */
const login: Step = (first) => {
  const user = text(first);
  if (user === undefined || user === '') return MALFORMED;
  return {
    challenge: 'UGFzc3dvcmQ6',
    next: (second) => {
      const password = text(second);
      return password === undefined
        ? MALFORMED
        : { credentials: { mechanism: 'LOGIN', authorizationId: '', user, password } };
    },
  };
};

const oauthBearer: Step = (response) => {
  const credentials = parseOauthBearer(response);
  return credentials === undefined ? MALFORMED : { credentials: { mechanism: 'OAUTHBEARER', ...credentials } };
};

const MECHANISMS: Readonly<Record<SaslCredentials['mechanism'], { readonly first: string; readonly step: Step }>> = {
  PLAIN: { first: '', step: plain },
  LOGIN: { first: 'VXNlcm5hbWU6', step: login },
  OAUTHBEARER: { first: '', step: oauthBearer },
};

/** Whether AUTH may be offered and used now: never in plain text, unless the listener allows it to this client. */
export function mayAuthenticate(c: HardenedConnection): boolean {
  const { auth } = c.server.settings;
  return auth !== undefined && (c.secure || auth.allowPlaintext?.(c.peer) === true);
}

/** RFC 4954 §4: `AUTH mechanism [initial-response]`. */
export function authenticate(c: HardenedConnection, line: string): Reply | Promise<Reply> {
  const { auth } = c.server.settings;
  if (auth === undefined || c.greetedBy === 'HELO') return refuse(c, 'auth', NOT_OFFERED);
  if (c.greetedBy === undefined) return refuse(c, 'auth', SAY_EHLO);
  if (!mayAuthenticate(c)) return refuse(c, 'auth', NEEDS_TLS);
  if (c.user !== undefined) return refuse(c, 'auth', ALREADY);
  if (c.transaction !== undefined) return refuse(c, 'auth', WITHIN_TRANSACTION);
  const [, name = '', initial, more] = line.split(' ');
  const mechanism = auth.mechanisms.find((each) => each === name.toUpperCase());
  if (mechanism === undefined || more !== undefined) return refuse(c, 'auth', NOT_KNOWN);
  const { first, step } = MECHANISMS[mechanism];
  // RFC 4954 §4: a lone "=" is an empty initial response.
  return initial === undefined ? ask(c, first, step) : take(c, initial === '=' ? '' : initial, step);
}

function ask(c: HardenedConnection, challenge: string, step: Step): Reply {
  c.continuation = (response) => (response === '*' ? refuse(c, 'auth', CANCELLED) : take(c, response, step));
  return reply(334, '', challenge);
}

function take(c: HardenedConnection, response: string, step: Step): Reply | Promise<Reply> {
  const next = step(response);
  if (typeof next === 'function') return ask(c, '', next);
  if ('challenge' in next) return ask(c, next.challenge, next.next);
  if ('malformed' in next) return refuse(c, 'auth', BAD_RESPONSE);
  return judge(c, next.credentials);
}

async function judge(c: HardenedConnection, credentials: SaslCredentials): Promise<Reply> {
  const answer = await c.handlers.onAuth?.(c.peer, credentials);
  if (answer === undefined) return refuse(c, 'auth', NOT_KNOWN);
  if (answer.kind === 'granted') {
    c.user = answer.user;
    return SUCCEEDED;
  }
  if (credentials.mechanism !== 'OAUTHBEARER') return answer.reply;
  // RFC 7628 §3.2.3: the error first; the client says ^A, and then hears that it failed.
  c.continuation = () => answer.reply;
  return reply(334, '', INVALID_TOKEN);
}
