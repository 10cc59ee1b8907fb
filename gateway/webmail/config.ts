import { legAddress, logSettings, port } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';

/** Of Chrome and its kin, Firefox, Safari, Edge. */
const PUSH_SERVICES = [
  ...['fcm.googleapis.com', 'updates.push.services.mozilla.com', 'web.push.apple.com', '*.notify.windows.com'],
] as const;

/** Everything that can be set in webmail.yaml. Each setting is declared here once; docs/settings.md is generated from it. */
export const webmailConfigSchema = z.strictObject({
  publicUrl: z
    .url({ protocol: /^https$/ })
    .transform((url) => new URL(url).origin)
    .describe(
      'Where browsers find this host: `https://mail.example.com`. Requests that change something come from there alone.',
    ),
  listen: z
    .array(z.strictObject({ address: legAddress(), port: port().default(443) }))
    .min(1)
    .describe('HTTPS for browsers and JMAP clients: the public leg.'),
  tls: tlsIdentity().describe('Certificate of the public name.'),
  workers: z.int().min(1).max(64).default(1).describe('Processes that answer requests, for as many processor cores.'),
  innerAddress: legAddress().describe('Address of the private leg: every connection inwards leaves from it.'),
  store: z.strictObject({
    host: z.string().describe('Host of the store’s IMAP.'),
    port: port().default(993).describe('Port of it.'),
    security: z
      .enum(['implicit', 'starttls'])
      .default('implicit')
      .describe('TLS from the first octet (993) or by STARTTLS (143); without TLS nothing is said.'),
    serverName: z.string().optional().describe('Name that its certificate must carry, if not the host.'),
    tls: tlsIdentity().describe('Client certificate of this host: the store names it in `imap.trustedPeers`.'),
    ca: z.string().describe('PEM file of the CA that signed the store’s certificate.'),
  }),
  sessionKeyFile: z
    .string()
    .describe(
      'File of the key under which tokens lie in cookies; made at the first start, for the process alone. Without it every session ends.',
    ),
  app: z
    .string()
    .optional()
    .describe(
      'Folder of the built web app; unset, the one beside the code, and a plain page of sign-in where that was not built.',
    ),
  sessions: z
    .strictObject({
      idleMs: z
        .int()
        .min(1_000)
        .default(14_400_000)
        .describe('A session that asks for nothing ends after this (4 hours).'),
      absoluteMs: z
        .int()
        .min(1_000)
        .max(2_592_000_000)
        .default(604_800_000)
        .describe('Longest life of a session (7 days).'),
      watchMs: z
        .int()
        .min(1_000)
        .max(2_592_000_000)
        .default(2_592_000_000)
        .describe('Life of the watch-only token, which tells of new mail after the browser was closed (30 days).'),
      storeIdleMs: z
        .int()
        .min(100)
        .default(60_000)
        .describe('Connections to the store of a session that asks for nothing are closed after this.'),
    })
    .prefault({}),
  uploads: z.strictObject({
    path: z
      .string()
      .describe('Folder of uploads that no message contains yet: ciphertext, whose keys the clients hold.'),
    maxBytes: z.int().min(1_024).default(52_428_800).describe('Largest upload.'),
    totalBytes: z.int().min(1_024).default(2_147_483_648).describe('All uploads together; beyond it 507.'),
    perAccountBytes: z.int().min(1_024).default(268_435_456).describe('Uploads of one account together.'),
    lifetimeMs: z.int().min(1_000).default(3_600_000).describe('An upload that was not used is removed after this.'),
  }),
  limits: z
    .strictObject({
      maxConnections: z.int().min(1).default(4_000).describe('Most connections at a time.'),
      maxRequestBytes: z.int().min(1_024).default(10_000_000).describe('Largest JMAP request.'),
      maxConcurrentRequests: z.int().min(1).default(8).describe('JMAP requests of one session at a time.'),
      maxConcurrentUploads: z.int().min(1).default(4).describe('Uploads of one session at a time.'),
      maxStreams: z.int().min(1).default(3_000).describe('Event streams at a time.'),
      maxStreamsPerUser: z.int().min(1).default(20).describe('Event streams of one user at a time.'),
      maxMessageBytes: z.int().min(1_024).default(52_428_800).describe('Largest message that is written.'),
      indexedMessages: z
        .int()
        .min(1_000)
        .default(1_000_000)
        .describe('Messages whose ids and flags are kept in memory, of all sessions together; idle ones give way.'),
    })
    .prefault({}),
  push: z
    .strictObject({
      subject: z
        .string()
        .regex(/^(?:mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/, 'mailto: or https:')
        .describe('Who answers for this host, as push services are told: `mailto:postmaster@example.com`.'),
      keyFile: z
        .string()
        .describe(
          'PEM file of the key by which push services know this host; made at the first start. Another key ends all subscriptions.',
        ),
      path: z
        .string()
        .describe('Folder of sessions that are told without an open browser: watch-only tokens, as ciphertext.'),
      services: z
        .array(
          z.string().regex(/^(?:\*\.)?[a-z0-9.-]+(?::\d{1,5})?$/, 'a host name, with *. before it for any one name'),
        )
        .min(1)
        .default([...PUSH_SERVICES])
        .describe('Hosts of push services to which messages are sent, by HTTPS alone; every other URL is refused.'),
      ca: z.string().optional().describe('PEM file of the CA of these services, if it is not a public one.'),
    })
    .optional()
    .describe(
      'Web Push: new mail is told while no browser is open. Asks for a way out by HTTPS (docs/webmail.md). Unset: none.',
    ),
  metrics: z
    .strictObject({ listen: z.strictObject({ address: legAddress(), port: port().default(9128) }) })
    .optional()
    .describe('Prometheus’ `/metrics`, `/healthz` and `/readyz` by HTTP, on the private leg.'),
  log: logSettings(),
});

export type WebmailConfig = z.infer<typeof webmailConfigSchema>;
