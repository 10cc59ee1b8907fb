import { directorySettings } from '@postern/shared/directory/settings.ts';
import { logSettings, secret } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';
import { listener, manageSieveSettings, pop3Settings } from './client-settings.ts';
import { consoleSettings } from './console/settings.ts';
import { localProgramSettings } from './delivery/local-program/settings.ts';
import { sieveSettings } from './delivery/rules/settings.ts';
import { hubSettings } from './hub/settings.ts';
import { shellPasswordSettings } from './sign-in/saslauthd.ts';

/** Everything that can be set in store.yaml. Each setting is declared here once; docs/settings.md is generated from it. */
export const storeConfigSchema = z.strictObject({
  hostname: z.string().describe('Name of this store in greetings and trace headers.'),
  workers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'Processes that share the listening sockets, for as many processor cores. Memory limits are for all together, numbers of sessions and connections for each.',
    ),
  tls: tlsIdentity().describe('Certificate of IMAP, LMTP and the other services of the store.'),
  ca: z.string().describe('PEM file of the CA whose client certificates may speak LMTP.'),
  lmtp: z.strictObject({
    listen: listener(24).describe('Where gateways deliver.'),
    peers: z
      .array(z.string())
      .default([])
      .describe(
        'Certificate names that may deliver; empty means every certificate of the CA whose name starts with `relay`.',
      ),
    maxConnections: z.int().min(1).default(500).describe('Most connections of gateways at a time.'),
    messageMemoryBytes: z
      .int()
      .default(536_870_912)
      .describe('Memory for messages in hand, of all connections together; beyond it the answer is 452.'),
  }),
  imap: z.strictObject({
    listen: listener(143).optional().describe('IMAP with STARTTLS.'),
    listenTls: listener(993).optional().describe('IMAP with implicit TLS (RFC 8314).'),
    allowPlaintextLoopback: z
      .boolean()
      .default(false)
      .describe('Lets clients on loopback log in without TLS: for the demo and for tests alone.'),
    idleKeepaliveMs: z.int().default(120_000).describe('Pause between the signs of life sent during IDLE.'),
    autologoutMs: z
      .int()
      .min(1000)
      .default(1_860_000)
      .describe('Idle time after which a session ends (RFC 9051 §5.4: 30 minutes at least).'),
    loginTimeoutMs: z.int().min(1000).default(60_000).describe('Time that a client has from connecting to signing in.'),
    writeTimeoutMs: z
      .int()
      .min(1000)
      .default(300_000)
      .describe('How long a client may leave what it asked for unread before it is cut off.'),
    maxLiteralBytes: z.int().default(67_108_864).describe('Largest literal of APPEND.'),
    literalMemoryBytes: z
      .int()
      .default(268_435_456)
      .describe('Memory for literals of all sessions together; beyond it clients wait.'),
    readAheadMemoryBytes: z
      .int()
      .min(0)
      .default(33_554_432)
      .describe(
        'Memory for messages that are read before clients ask for them which take one after the other, of all sessions of a process together; 0 reads none.',
      ),
    trustedPeers: z
      .array(z.string())
      .default([])
      .describe(
        'Certificate names of hosts that sign many users in (webmail): they may hold tokens, and failures count for accounts alone. Clients are asked for a certificate only if one is named.',
      ),
    trustedAddresses: z
      .array(z.string().regex(/^[0-9a-fA-F:.]+(?:\/\d{1,3})?$/, 'must be an address or a network such as 192.0.2.0/28'))
      .default([])
      .describe(
        'Addresses and networks of such hosts, where they have no certificate: failures count for accounts alone.',
      ),
    tokenRecheckMs: z
      .int()
      .min(10)
      .default(30_000)
      .describe(
        'Longest time that an open session outlives its token: revoked, expired, account inactive, password changed.',
      ),
    maxCommandsPerSecond: z
      .int()
      .min(1)
      .default(2_000)
      .describe('Commands of one session that are taken within a second; the next ones wait.'),
    stopGraceMs: z.int().min(0).default(5_000).describe('At a stop, time for commands under way to end before BYE.'),
    maxSessions: z.int().min(1).default(20_000).describe('Most sessions of the process.'),
    maxSessionsPerAccount: z.int().min(1).default(500).describe('Most sessions of one account.'),
    inProgressIntervalMs: z
      .int()
      .min(1)
      .default(10_000)
      .describe('A command that takes longer says so at this interval (INPROGRESS).'),
    allMailbox: z
      .string()
      .regex(/^(?!inbox$)[^/%*\p{C}]{0,255}$/iu, 'must be a name of one level')
      .default('All Mail')
      .describe(
        'Name under which everybody finds all mail as one mailbox (`\\All`); empty for none. Clients that ask for special uses, or subscribe to it, see it in LIST.',
      ),
    sharedMailboxes: z
      .record(z.string(), z.string())
      .default({})
      .transform((byDomain) =>
        Object.fromEntries(Object.entries(byDomain).map(([domain, address]) => [domain.toLowerCase(), address])),
      )
      .describe(
        'Account whose mailboxes the users of a domain find under `Shared/`, as far as it grants them rights: `{ example.com: shared@example.com }`.',
      ),
    capabilitiesOff: z
      .array(z.string())
      .default([])
      .describe('Capabilities that are not offered, for clients that stumble over one: `[UIDPLUS, MOVE]`.'),
    capabilitiesOffFor: z
      .record(z.string(), z.array(z.string()))
      .default({})
      .transform((byAddress) =>
        Object.fromEntries(Object.entries(byAddress).map(([address, off]) => [address.toLowerCase(), off])),
      )
      .describe('The same for single accounts, after sign-in: `{ user@example.com: [UIDONLY] }`.'),
  }),
  pop3: pop3Settings().optional().describe('POP3; off when unset.'),
  managesieve: manageSieveSettings().optional().describe('ManageSieve; off when unset.'),
  database: z.strictObject({
    url: secret().describe(
      '`mysql://user:password@host:port/name`, or with `?socketPath=…`; best as `{ file: … }`. Several hosts, nodes of one cluster, stand after each other: `mysql://user:password@one:3306,two:3306/name`; one is used, the next when it fails.',
    ),
    connections: z.int().min(2).default(16).describe('Connections of the pool.'),
    compressBodies: z
      .boolean()
      .default(true)
      .describe(
        'Stores bodies above 48 KiB compressed (zstd) where that saves a tenth or more; both kinds are always read.',
      ),
    leaseAccounts: z
      .boolean()
      .default(true)
      .describe(
        'Answers SELECT, STATUS and NOOP of an account from memory while no other process has asked to write it. Put it off where something else than stores and commands of this version writes the tables.',
      ),
    migrate: z.boolean().default(true).describe('Brings the tables to the newest version at start.'),
  }),
  hub: hubSettings(),
  directory: directorySettings(),
  shellPasswords: shellPasswordSettings()
    .optional()
    .describe(
      'Passwords of people with a shell account (`directory.shellUsersBaseDn`) are those of this host, asked of saslauthd; off when unset.',
    ),
  signInRecheckMs: z
    .int()
    .min(10)
    .default(30_000)
    .describe(
      'Longest time that a session of IMAP, POP3 or ManageSieve outlives the right to sign in: account suspended or deleted, service taken away, password changed, app password taken away.',
    ),
  delivery: z
    .strictObject({
      maxMessageBytes: z.int().default(67_108_864).describe('Largest message that LMTP takes.'),
      batchMessages: z.int().min(1).default(50).describe('Most deliveries of one group commit.'),
      maxWaiting: z.int().min(1).default(2_000).describe('Most deliveries that wait for a commit; beyond it 451.'),
      recipientDeadlineMs: z
        .int()
        .min(100)
        .default(20_000)
        .describe('Time within which RCPT is answered; after it the answer is 451.'),
      deadlineMs: z
        .int()
        .min(100)
        .default(45_000)
        .describe('Time for writing a body, and again for committing it; together shorter than a gateway waits.'),
      recordsLiveMs: z
        .int()
        .default(1_209_600_000)
        .describe('How long a delivery id is remembered: longer than any spool’s lifetime.'),
      localProgram: localProgramSettings()
        .optional()
        .describe('Delivery by a program (procmail, maildrop) to people with a shell account; off when unset.'),
    })
    .prefault({}),
  sieve: sieveSettings(),
  quota: z
    .strictObject({
      defaultBytes: z.int().default(0).describe('Quota of accounts for whom the directory names none; 0 is none.'),
      defaultMessages: z.int().default(0).describe('The same for the number of messages.'),
    })
    .prefault({}),
  console: consoleSettings().optional().describe('The console, its HTTP API and what they need; off when unset.'),
  metrics: z
    .strictObject({ listen: listener(9127).describe('Where Prometheus asks, on the corporate leg.') })
    .optional()
    .describe(
      'Prometheus’ `/metrics`, `/healthz` and `/readyz` by HTTP; off when unset. With several workers each has a port of its own, upwards from this one.',
    ),
  log: logSettings(),
});

export type StoreConfig = z.infer<typeof storeConfigSchema>;
