import { type FlagSet, MAX_KEYWORD_OCTETS, systemFlagBit } from '../mailstore/flags.ts';
import type { ArgumentReader } from './codec/lexer.ts';

/** Most keywords that one command may name. */
const MAX_KEYWORDS = 100;

/**
 * The flags that a client names, as the store knows them. \Recent is passed over, because clients send back what they
 * were told (RFC 3501 §2.3.2: it cannot be altered); other names with a backslash are refused.
 */
export function toFlagSet(args: ArgumentReader, names: readonly string[]): FlagSet {
  let system = 0;
  const keywords = new Map<string, string>();
  for (const name of names) {
    const bit = systemFlagBit(name);
    if (bit !== 0) system |= bit;
    else if (!name.startsWith('\\')) keywords.set(name.toLowerCase(), name);
    else if (name.toLowerCase() !== '\\recent') args.fail(`no such flag ${name}`);
    if (name.length > MAX_KEYWORD_OCTETS) args.fail('keyword too long');
  }
  if (keywords.size > MAX_KEYWORDS) args.fail('too many keywords');
  return { system, keywords: [...keywords.values()] };
}
