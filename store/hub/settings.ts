import { scheduleSettings } from '@postern/shared/delivery/schedule-settings.ts';
import { legAddress, port } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';

const listener = (defaultPort: number) => z.strictObject({ address: legAddress(), port: port().default(defaultPort) });
const network = () => z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

const sendingLimits = () =>
  z
    .strictObject({
      messagesPerDay: z.int().min(0).default(2_000).describe('Messages of one sender in a day (UTC); 0 is no limit.'),
      recipientsPerDay: z.int().min(0).default(10_000).describe('Recipients of one sender in a day; 0 is no limit.'),
      messagesPerMinute: z.int().min(0).default(100).describe('Messages of one sender in a minute; 0 is no limit.'),
    })
    .prefault({});

const relaySettings = () =>
  z.strictObject({
    host: z.string().describe('Private address of the gateway’s relay.'),
    port: port().default(25).describe('Port of its `outbound.listen`.'),
    serverName: z.string().optional().describe('Name that its certificate must carry, if not the host.'),
    identity: tlsIdentity().describe('Client certificate by which the relay knows the hub.'),
    connections: z.int().min(1).default(10).describe('Most connections at a time.'),
  });

const otherStoreSettings = () =>
  z.strictObject({
    host: z.string().describe('Host of the store’s LMTP port.'),
    port: port().default(24).describe('Port of it.'),
    serverName: z.string().optional().describe('Name that its certificate must carry, if not the host.'),
    connections: z.int().min(1).default(5).describe('Most connections at a time.'),
  });

const queueSettings = () =>
  z
    .strictObject({
      concurrency: z.int().min(1).max(500).default(20).describe('Messages that one process sends at a time.'),
      memoryBytes: z
        .int()
        .min(1_048_576)
        .default(134_217_728)
        .describe('Octets of messages that one process sends at a time; a larger message goes alone.'),
      pollMs: z
        .int()
        .min(10)
        .default(1_000)
        .describe('How often a process looks for what others have queued, or what is due again.'),
      leaseMs: z
        .int()
        .min(500)
        .default(60_000)
        .describe('After this time without a sign of life of its process, a message is taken up by another one.'),
      ...scheduleSettings({ retryMs: 60_000, maxRetryMs: 3_600_000 }),
    })
    .prefault({})
    .describe('The queue of mail that is to leave, or was caused by a delivery.');

/** The hub: where staff and servers inside hand over mail. */
export const hubSettings = () =>
  z
    .strictObject({
      submission: z
        .strictObject({
          listen: listener(587).optional().describe('Submission with STARTTLS (RFC 6409).'),
          listenTls: listener(465).optional().describe('Submission with TLS from the first octet (RFC 8314 §3.3).'),
          allowPlaintextLoopback: z
            .boolean()
            .default(false)
            .describe('Lets clients on loopback sign in without TLS: for the demo and for tests alone.'),
        })
        .prefault({}),
      intranet: z
        .strictObject({
          listen: listener(25).describe('SMTP for servers of the networks below, without signing in.'),
          networks: z
            .array(network())
            .min(1)
            .describe('Addresses and networks of servers that may send: `10.1.0.0/16`. Nobody else is greeted.'),
          anySender: z
            .boolean()
            .default(false)
            .describe('Lets them send with sender addresses of domains that are not hosted here.'),
          limits: sendingLimits().describe('Limits of each server, by its address.'),
        })
        .optional(),
      relay: relaySettings()
        .optional()
        .describe('The way out: the relay on its private leg. Without it mail to the outside waits.'),
      limits: sendingLimits().describe('Limits of each account, counted over all processes; beyond them 450.'),
      maxMessageBytes: z.int().min(1_024).default(52_428_800).describe('Largest message (RFC 1870).'),
      maxRecipients: z.int().min(1).max(1_000).default(500).describe('Most recipients of one message.'),
      maxConnections: z.int().min(1).default(1_000).describe('Most sessions at a time, of each listener.'),
      messageMemoryBytes: z
        .int()
        .default(268_435_456)
        .describe('Memory for messages in hand, of each listener; beyond it the answer is 452.'),
      futureReleaseMs: z
        .int()
        .min(0)
        .default(2_592_000_000)
        .describe('How far ahead a message may be scheduled (RFC 4865): thirty days; 0 turns it off.'),
      hideClientAddress: z
        .boolean()
        .default(false)
        .describe('Leaves name and address of the client out of the Received field.'),
      delegates: z
        .record(z.string(), z.array(z.string()))
        .default({})
        .transform((byAddress) =>
          Object.fromEntries(
            Object.entries(byAddress).map(([address, users]) => [
              address.toLowerCase(),
              users.map((user) => user.toLowerCase()),
            ]),
          ),
        )
        .describe('Who else may send as an address: `{ office@example.com: [ann@example.com] }`.'),
      sitePostmaster: z
        .string()
        .default('postmaster')
        .describe('Who gets postmaster@ and abuse@ of hosted domains that have neither, as at the gateway.'),
      maxHops: z.int().min(1).default(50).describe('Received fields after which a message is in a loop: 554 5.4.6.'),
      stores: z
        .record(z.string().min(1).max(255), otherStoreSettings())
        .default({})
        .describe(
          'The other stores of the house, by name, as in gateway.yaml. An account lives in the one that its `mailHost` (or its domain’s transport) names, by name or host; their `lmtp.peers` has to name the hub’s certificate (`relay.identity`, else `tls`).',
        ),
      storeNames: z
        .array(z.string())
        .default([])
        .describe('With several stores: what means this one in `mailHost`, beside `hostname`.'),
      defaultStore: z
        .string()
        .optional()
        .describe(
          'With several stores: the one of `stores` that accounts without `mailHost` live in, if not this one.',
        ),
      queue: queueSettings(),
    })
    .prefault({})
    .describe('Mail out: submission by staff, mail of servers inside, and the queue of both.');

export type HubConfig = z.infer<ReturnType<typeof hubSettings>>;
