import { directorySettings } from '@postern/shared/directory/settings.ts';
import { legAddress, logSettings, port } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';
import { dnsSettings } from './dns/settings.ts';
import { contentSettings } from './inbound/content/settings.ts';
import { authenticationSettings } from './inbound/policy/authentication-settings.ts';
import { policySettings } from './inbound/policy/settings.ts';
import { recipientSettings } from './inbound/recipient-settings.ts';
import { legFaults } from './legs.ts';
import { outboundSettings } from './outbound/settings.ts';
import { submissionSettings } from './submission/settings.ts';

const lmtpSettings = () =>
  z.strictObject({
    host: z.string().describe('Host of the store’s LMTP port.'),
    port: port().default(24).describe('Port of it.'),
    serverName: z.string().optional().describe('Name that its certificate must carry, if not the host.'),
  });

const relaySettings = z.strictObject({
  hostname: z.string().describe('Name of this gateway in greetings, Received headers and Authentication-Results.'),
  smtp: z.strictObject({
    listen: z
      .array(z.strictObject({ address: legAddress(), port: port().default(25) }))
      .min(1)
      .describe('Where mail from the Internet arrives: the public leg.'),
    tls: tlsIdentity().describe('Certificate of the public name, offered by STARTTLS.'),
    proxies: z
      .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
      .default([])
      .describe('Load balancers that tell the client by the PROXY protocol (v1 or v2); nobody else is believed.'),
  }),
  workers: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'Processes that take mail; with more than one, another owns the spool. Limits are shared out among them.',
    ),
  metrics: z
    .strictObject({ listen: z.strictObject({ address: legAddress(), port: port().default(9125) }) })
    .optional()
    .describe('Prometheus’ `/metrics`, `/healthz` and `/readyz` by HTTP, on the private leg.'),
  admin: z
    .strictObject({
      listen: z.strictObject({ address: legAddress(), port: port().default(9126) }),
      tls: tlsIdentity().describe('Certificate that administrators see.'),
      clientCa: z.string().describe('PEM file of the CA that signs administrators’ certificates.'),
      clients: z
        .array(z.string())
        .min(1)
        .describe('Names (common name or DNS name) of the certificates that may administer.'),
    })
    .optional()
    .describe('Queue and trace by HTTPS with a client certificate, on the private leg.'),
  innerAddress: legAddress().describe('Address of the private leg: every connection inwards leaves from it.'),
  store: z.strictObject({
    lmtp: lmtpSettings(),
    stores: z
      .record(z.string().min(1), lmtpSettings())
      .default({})
      .describe(
        'Further stores by name. An account lives in the one that its `mailHost` names (by name or host), or its domain’s transport; all others live in `lmtp`.',
      ),
    tls: tlsIdentity().describe('Client certificate of this gateway towards the store.'),
    ca: z.string().describe('PEM file of the CA that signed the store’s certificate.'),
    connections: z.int().min(1).default(20).describe('Connections kept to the store.'),
  }),
  directory: directorySettings(),
  recipients: recipientSettings(),
  dns: dnsSettings(),
  policy: policySettings(),
  authentication: authenticationSettings(),
  content: contentSettings(),
  spool: z.strictObject({
    path: z.string().describe('Folder of messages that wait for the store; one file system, private to the process.'),
    retryMs: z
      .int()
      .min(100)
      .default(5_000)
      .describe('First pause before a spooled message is tried again; it grows to `maxRetryMs`.'),
    storeTestMs: z
      .int()
      .min(50)
      .default(1_000)
      .describe('While the store is away: pause between two tests whether it is back, each with one spooled message.'),
    concurrency: z.int().min(1).max(64).default(8).describe('Spooled messages that are tried at a time.'),
    maxRetryMs: z.int().min(100).default(300_000).describe('Longest pause between two tries.'),
    lifetimeMs: z.int().default(432_000_000).describe('After this time a spooled message is given up (five days).'),
  }),
  submission: submissionSettings().optional(),
  outbound: outboundSettings().optional().describe('Mail out of the house; without it nothing leaves.'),
  limits: z
    .strictObject({
      maxMessageBytes: z.int().default(52_428_800).describe('Largest message, announced by SIZE (RFC 1870).'),
      maxRecipients: z.int().default(1_000).describe('Most recipients of one transaction.'),
      maxAliasTargets: z.int().min(1).default(1_000).describe('Most targets to which one alias may expand.'),
      maxAliasDepth: z.int().min(1).default(10).describe('Most aliases on the way to one account.'),
      maxHops: z.int().min(1).default(50).describe('Received fields after which a message is in a loop: 554 5.4.6.'),
      probeMs: z
        .int()
        .min(50)
        .default(2_000)
        .describe('Time for the store’s word at RCPT; later the directory’s word alone decides.'),
      maxHeaderCount: z.int().default(1_000).describe('Most header fields of one message.'),
      maxHeaderBytes: z.int().default(1_048_576).describe('Largest header section.'),
      maxConnections: z.int().default(2_000).describe('Most sessions at a time.'),
      maxConnectionsPerAddress: z.int().min(1).default(100).describe('Most sessions at a time from one address.'),
      greetingWaitMs: z
        .int()
        .min(0)
        .default(500)
        .describe('Pause before strangers are greeted; who talks in it gets 554. Who passed is remembered for a day.'),
      idleTimeoutMs: z
        .int()
        .min(1_000)
        .default(300_000)
        .describe('Silence, and time without a whole command, after which a session ends (RFC 5321 §4.5.3.2.7).'),
      sessionTimeoutMs: z.int().min(1_000).default(3_600_000).describe('Longest session without an accepted message.'),
      spillBytes: z
        .int()
        .min(65_536)
        .default(1_048_576)
        .describe('Larger messages wait in a nameless file of the spool until they are complete.'),
      finalReplyMs: z.int().default(120_000).describe('Time after the final dot within which the answer is given.'),
      messageMemoryBytes: z
        .int()
        .default(268_435_456)
        .describe('Memory for messages in hand, of all sessions together.'),
    })
    .prefault({}),
  log: logSettings(),
});

/** Everything that can be set in gateway.yaml. Each setting is declared here once; docs/settings.md is generated from it. */
export const relayConfigSchema = relaySettings.superRefine((config, context) => {
  for (const { path, message } of legFaults(config)) context.addIssue({ code: 'custom', path: [...path], message });
});

export type RelayConfig = z.infer<typeof relayConfigSchema>;
