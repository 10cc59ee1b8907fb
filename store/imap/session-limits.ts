import type { StoreConfig } from '../config.ts';
import type { FramerLimits } from './codec/command.ts';

/** Limits before sign-in: enough for a login, not for filling memory. */
export const UNAUTHENTICATED_LIMITS = {
  maxLineBytes: 8192,
  maxArgumentBytes: 1024,
  maxAppendBytes: 1024,
  maxNonSynchronizingBytes: 1024,
} as const satisfies FramerLimits;

/** RFC 7888 §5. */
const LITERAL_MINUS_BYTES = 4096;
const MAX_LINE_BYTES = 65_536;
const MAX_ARGUMENT_BYTES = 65_536;

/** @param offers whether a capability is on for the account */
export function limitsAfterSignIn(
  { maxLiteralBytes }: StoreConfig['imap'],
  offers: (capability: string) => boolean,
): FramerLimits {
  const withoutWaiting = offers('LITERAL-') ? LITERAL_MINUS_BYTES : 0;
  return {
    maxLineBytes: MAX_LINE_BYTES,
    maxArgumentBytes: MAX_ARGUMENT_BYTES,
    maxAppendBytes: maxLiteralBytes,
    maxNonSynchronizingBytes: offers('LITERAL+') ? Number.MAX_SAFE_INTEGER : withoutWaiting,
  };
}
