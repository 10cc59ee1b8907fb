import { scheduleSettings } from '@postern/shared/delivery/schedule-settings.ts';
import { legAddress, port, secret } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';

const network = () => z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

/** A lower-case domain, `.example` for everything below `example`, or `*` for all. */
const domainPattern = () =>
  z
    .string()
    .regex(/^(?:\*|\.?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)$/, 'a lower-case domain, `.domain` for those below it, or `*`');

const nextHop = () => ({
  host: z.string().describe('Server that takes mail for outside addresses; it must not stand inside.'),
  port: port().default(25).describe('Port of it.'),
  tls: z
    .enum(['starttls', 'implicit', 'none'])
    .default('starttls')
    .describe('How the connection is protected; `starttls` demands it.'),
  ca: z.string().optional().describe('PEM file of the CA of its certificate; the system’s CAs when unset.'),
  serverName: z.string().optional().describe('Name that its certificate must carry, if not the host.'),
});

const listenSettings = () =>
  z
    .strictObject({
      address: legAddress().describe('Address of the private leg.'),
      port: port().default(25),
      tls: tlsIdentity().describe('Certificate that the hub sees.'),
      clientCa: z.string().describe('PEM file of the CA that signs the hub’s certificate.'),
      clients: z
        .array(z.string())
        .min(1)
        .describe('Names (common name or DNS name) of client certificates that may send: the hub.'),
      hosts: z
        .array(network())
        .default([])
        .describe('Addresses of DMZ hosts that may send without a certificate, such as a web server.'),
      maxConnections: z.int().min(1).default(200).describe('Most sessions at a time.'),
    })
    .describe('Where the hub, and named hosts of the DMZ, hand over mail for the outside: the private leg.');

const queueSettings = () =>
  z
    .strictObject({
      ...scheduleSettings({ retryMs: 300_000, maxRetryMs: 4_000_000 }),
      concurrency: z
        .int()
        .min(1)
        .max(1_000)
        .default(100)
        .describe('Messages that are sent at a time, to all together.'),
      perDestination: z
        .int()
        .min(1)
        .max(200)
        .default(20)
        .describe('Messages that are sent at a time to one domain; begins with half of it and adapts.'),
      idleConnectionMs: z.int().min(0).default(5_000).describe('A connection is kept this long for the next message.'),
      memoryBytes: z.int().min(1_048_576).default(268_435_456).describe('Memory for messages that are being sent.'),
      finishedDays: z
        .int()
        .min(1)
        .default(10)
        .describe('How long ids of finished messages are remembered; longer than the hub may repeat one.'),
    })
    .prefault({})
    .describe('The queue of mail to the outside.');

const dkimKey = () =>
  z.strictObject({
    selector: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i, 'a DNS label')
      .describe('Selector of the key.'),
    key: z.string().describe('PEM file of the private key (RSA or Ed25519), as `postern-gateway dkim new` makes it.'),
  });

/** Mail out of the house. */
export const outboundSettings = () =>
  z
    .strictObject({
      localAddress: legAddress().describe('Address of the public leg: mail to the outside leaves from it.'),
      localAddressIpv6: z
        .ipv6()
        .optional()
        .describe('IPv6 address of the public leg; without it mail leaves by the family of `localAddress` alone.'),
      listen: listenSettings().optional(),
      direct: z
        .boolean()
        .default(false)
        .describe('Delivers to the mail servers of the recipients’ domains (MX); else only by smart hosts.'),
      smartHost: z
        .strictObject(nextHop())
        .optional()
        .describe(
          'Takes all mail that no entry of `routes` names; without it and `direct` aliases to the outside are refused.',
        ),
      routes: z
        .record(domainPattern(), z.strictObject(nextHop()))
        .default({})
        .describe('Smart hosts by domain of the recipient.'),
      port: port().default(25).describe('Port of the mail servers of others.'),
      allowNetworks: z
        .array(network())
        .default([])
        .describe(
          'Private, loopback or own networks to which mail may go all the same; nothing goes there by default.',
        ),
      queue: queueSettings(),
      tls: z
        .strictObject({
          requiredFor: z
            .array(domainPattern())
            .default([])
            .describe('Domains to which mail goes only by TLS with a certificate that names the MX.'),
          ca: z.string().optional().describe('PEM file of further CAs, beside the system’s.'),
        })
        .prefault({}),
      mtaSts: z
        .strictObject({
          enabled: z.boolean().default(true).describe('Fetches and obeys the policies of others (RFC 8461).'),
          port: port().default(443).describe('Port of the policy hosts.'),
          timeoutMs: z.int().min(100).default(20_000).describe('Longest time for fetching a policy.'),
        })
        .prefault({}),
      dane: z
        .boolean()
        .default(true)
        .describe('Obeys TLSA records (RFC 7672); only where `dns.validates` says that answers can be trusted.'),
      tlsReports: z
        .strictObject({
          organization: z
            .string()
            .default('')
            .describe('Name of this organisation in reports; the hostname when empty.'),
          contact: z.string().default('').describe('Address for questions; postmaster at the hostname when empty.'),
          keepDays: z.int().min(1).default(30).describe('How long the counts of a day are kept.'),
        })
        .prefault({})
        .describe('What is counted for TLS reports (RFC 8460).'),
      dkim: z
        .record(z.string(), z.array(dkimKey()).min(1))
        .default({})
        .describe(
          'Keys by domain of the author (From); subdomains sign with their parent’s. Each key makes a signature.',
        ),
      arc: z
        .strictObject({ domain: z.string().describe('Domain of the seal.'), ...dkimKey().shape })
        .optional()
        .describe('Seals forwarded mail (RFC 8617).'),
      redactReceived: z
        .boolean()
        .default(true)
        .describe(
          'Hides names and private addresses of the Received fields written inside; the fields stay and count.',
        ),
      internalDomains: z
        .array(domainPattern())
        .default([])
        .describe('Names of hosts inside, whose Received fields are hidden whatever addresses they carry.'),
      srs: z
        .strictObject({
          domain: z.string().describe('Domain of the rewritten senders; its MX is this gateway.'),
          secrets: z
            .array(secret())
            .min(1)
            .describe('The first signs; the others are old ones whose bounces are still taken.'),
        })
        .optional()
        .describe(
          'Forwarded mail leaves with a sender of ours (SRS0=…@domain), so that the next host’s SPF check passes and bounces come back; without it the sender stays as it is.',
        ),
    })
    .superRefine(({ direct, smartHost, routes, listen }, context) => {
      if (listen !== undefined && !direct && smartHost === undefined && Object.keys(routes).length === 0) {
        context.addIssue({
          code: 'custom',
          path: ['listen'],
          message: 'mail has no way out: set `direct` or `smartHost`',
        });
      }
    });

export type OutboundSettings = z.infer<ReturnType<typeof outboundSettings>>;
export type NextHop = NonNullable<OutboundSettings['smartHost']>;
