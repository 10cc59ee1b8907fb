import { legAddress, port } from '@postern/shared/runtime/config.ts';
import { tlsIdentity } from '@postern/shared/runtime/tls.ts';
import { z } from 'zod';

const DAY_MS = 86_400_000;

/** The block `console` of store.yaml. */
export const consoleSettings = () =>
  z.strictObject({
    listen: z
      .strictObject({ address: legAddress(), port: port().default(8443) })
      .describe('HTTPS for administrators and users, in the corporate network.'),
    tls: tlsIdentity().optional().describe('Certificate that browsers see; that of the store when unset.'),
    origin: z
      .url()
      .optional()
      .describe('How browsers reach it, where that is not what they write into Host: `https://console.example.com`.'),
    mailHosts: z
      .array(z.string())
      .default([])
      .describe('Names of the gateways, for the DNS records that a domain needs.'),
    sessionIdleMs: z.int().min(1000).default(1_800_000).describe('A session ends after so long without a request.'),
    sessionLongestMs: z.int().min(1000).default(43_200_000).describe('A session ends after so long, whatever it does.'),
    graceMs: z
      .int()
      .min(0)
      .default(14 * DAY_MS)
      .describe('How long a deletion can be undone before it may be purged.'),
    quarantineAddress: z
      .string()
      .optional()
      .describe(
        'The account of `content.quarantineAddress` in gateway.yaml: administrators see its mail, and release or remove it.',
      ),
    relay: z
      .strictObject({
        url: z.url().describe('The relay’s administration on its private leg: `https://192.0.2.2:9443`.'),
        serverName: z.string().optional().describe('Name that its certificate must carry, if not the host of the URL.'),
        tls: tlsIdentity().optional().describe('Client certificate for it; that of the store when unset.'),
      })
      .optional()
      .describe('The relay’s queue and trace in the console; the relay names who may ask (`admin.clients`).'),
  });

export type ConsoleSettings = z.infer<ReturnType<typeof consoleSettings>>;
