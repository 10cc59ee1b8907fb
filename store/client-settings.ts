import { legAddress, port } from '@postern/shared/runtime/config.ts';
import { z } from 'zod';

/** Where a service of the store listens. */
export const listener = (defaultPort: number) =>
  z.strictObject({ address: legAddress(), port: port().default(defaultPort) });

/** What POP3 and ManageSieve have in common. */
const limits = () => ({
  allowPlaintextLoopback: z
    .boolean()
    .default(false)
    .describe('Lets clients on loopback sign in without TLS: for the demo and for tests alone.'),
  loginTimeoutMs: z.int().min(1000).default(60_000).describe('Time that a client has from connecting to signing in.'),
  writeTimeoutMs: z
    .int()
    .min(1000)
    .default(300_000)
    .describe('How long a client may leave what it asked for unread before it is cut off.'),
  stopGraceMs: z.int().min(0).default(5_000).describe('At a stop, time for a command under way to end.'),
  maxSessions: z.int().min(1).default(5_000).describe('Most sessions of the process.'),
  maxSessionsPerAccount: z.int().min(1).default(20).describe('Most sessions of one account.'),
  maxCommandsPerSecond: z
    .int()
    .min(1)
    .default(2_000)
    .describe('Commands of one session that are taken within a second; the next ones wait.'),
});

export const pop3Settings = () =>
  z.strictObject({
    listen: listener(110).optional().describe('POP3 with STLS.'),
    listenTls: listener(995).optional().describe('POP3 with implicit TLS (RFC 8314).'),
    ...limits(),
    autologoutMs: z
      .int()
      .min(1000)
      .default(660_000)
      .describe('Idle time after which a session ends, with nothing removed (RFC 1939 §3: 10 minutes at least).'),
    maxMessages: z.int().min(1).default(200_000).describe('Most messages of an INBOX that POP3 opens.'),
    marksSeen: z
      .boolean()
      .default(true)
      .describe('Messages that were retrieved and stay are marked \\Seen at QUIT, for those who read by IMAP as well.'),
    utf8Headers: z
      .enum(['refuse', 'send'])
      .default('refuse')
      .describe(
        'Messages with UTF-8 in their header, to clients that did not ask for it: `refuse` with [UTF8] as RFC 6856 §2.1 has it, or `send` as they are.',
      ),
  });

export const manageSieveSettings = () =>
  z.strictObject({
    listen: listener(4190).optional().describe('ManageSieve with STARTTLS.'),
    ...limits(),
    autologoutMs: z
      .int()
      .min(1000)
      .default(1_860_000)
      .describe('Idle time after which a session ends (RFC 5804 §1.2: 30 minutes at least).'),
  });
