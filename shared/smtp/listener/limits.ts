import type { ListenerLimits } from './session.ts';

const common = {
  maxMessageBytes: 52_428_800,
  maxRecipients: 1_000,
  maxHeaderFields: 1_000,
  maxHeaderBytes: 1_048_576,
  maxConnections: 2_000,
  // RFC 5321 §4.5.3.1.4 asks for 512 octets, RFC 3461 §5 for more with its parameters.
  maxCommandBytes: 4_096,
  messageMemoryBytes: 268_435_456,
  spillBytes: 1_048_576,
  memoryWaitMs: 20_000,
  greetingWaitMs: 0,
  // RFC 5321 §4.5.3.2.7: five minutes at least.
  idleTimeoutMs: 300_000,
  minDataBytesPerSecond: 500,
} as const;

/** For clients that nobody knows. */
const strangers: ListenerLimits = {
  ...common,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  softErrors: 10,
  softErrorDelayMs: 1_000,
  hardErrors: 20,
  junkCommands: 100,
  sessionTimeoutMs: 3_600_000,
};

/** For gateways whose certificate was verified: they keep connections, and probe with MAIL, RCPT, RSET. */
const knownPeers: ListenerLimits = {
  ...common,
  // Wider than a gateway's own, so that nothing it took and added its trace to is refused behind it.
  maxMessageBytes: 67_108_864,
  maxHeaderFields: 2_000,
  maxHeaderBytes: 2_097_152,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  softErrors: Number.POSITIVE_INFINITY,
  softErrorDelayMs: 0,
  hardErrors: Number.POSITIVE_INFINITY,
  junkCommands: Number.POSITIVE_INFINITY,
  sessionTimeoutMs: 0,
};

/** The limits of a listener: its own over those that fit the protocol. A time of 0 means none. */
export function limitsFor(
  protocol: 'smtp' | 'lmtp',
  hasClientCa: boolean,
  own: Partial<ListenerLimits> | undefined,
): ListenerLimits {
  return { ...(protocol === 'lmtp' && hasClientCa ? knownPeers : strangers), ...own };
}
