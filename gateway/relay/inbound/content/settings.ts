import { z } from 'zod';

const onUnavailable = () =>
  z
    .enum(['tempfail', 'pass'])
    .default('tempfail')
    .describe('When it is away, late or loading its rules: 451, or pass with a header that says so.');

const verdict = (fallback: 'reject' | 'junk' | 'quarantine', what: string) =>
  z.enum(['reject', 'junk', 'quarantine']).default(fallback).describe(what);

/** What messages contain: scanners and rules that look at each message before it is answered. */
export const contentSettings = () =>
  z
    .strictObject({
      clamav: z
        .strictObject({
          address: z.string().optional().describe('Host of clamd’s TCP port; it must stand in the DMZ.'),
          port: z.int().min(1).max(65535).default(3310).describe('Port of it.'),
          socketPath: z.string().optional().describe('Socket of clamd, instead of host and port.'),
          timeoutMs: z.int().min(100).default(60_000).describe('Time for one message.'),
          maxBytes: z
            .int()
            .min(1)
            .default(26_214_400)
            .describe('Octets of a message that are shown to it; not more than clamd’s StreamMaxLength.'),
          connections: z.int().min(1).default(20).describe('Messages shown at a time; others wait.'),
          onVirus: verdict('reject', 'A virus was found: 554 5.7.1, Junk, or the quarantine mailbox.'),
          onUnavailable: onUnavailable(),
        })
        .refine((c) => (c.address === undefined) !== (c.socketPath === undefined), 'give either address or socketPath')
        .optional()
        .describe('ClamAV, asked by INSTREAM.'),
      rspamd: z
        .strictObject({
          url: z
            .url({ protocol: /^http$/ })
            .describe('rspamd’s normal worker, e.g. `http://127.0.0.1:11333`; in the DMZ.'),
          timeoutMs: z.int().min(100).default(30_000).describe('Time for one message.'),
          connections: z.int().min(1).default(20).describe('Messages shown at a time; others wait.'),
          onSpam: verdict('reject', 'Its action is `reject`; `add header` and `rewrite subject` go to Junk.'),
          onUnavailable: onUnavailable(),
        })
        .optional()
        .describe('rspamd, asked by HTTP (checkv2).'),
      attachments: z
        .strictObject({
          names: z
            .array(z.string())
            .default([])
            .describe('Names that are not wanted, `*` and `?` as wildcards, e.g. `*.exe`.'),
          types: z
            .array(z.enum(['executable', 'script', 'office-macro', 'archive', 'encrypted-archive']))
            .default([])
            .describe('Kinds that are not wanted, told by the content itself, whatever the name says.'),
          insideZip: z.boolean().default(true).describe('Look at the names in zip archives as well.'),
          onFound: verdict('reject', 'Such an attachment was found: 550 5.7.1, Junk, or the quarantine mailbox.'),
        })
        .prefault({}),
      quarantineAddress: z
        .email()
        .optional()
        .describe('An account of the store whose mailbox takes quarantined mail, by LMTP.'),
    })
    .refine((c) => c.quarantineAddress !== undefined || !wantsQuarantine(c), {
      message: 'something is to be quarantined, so this is needed',
      path: ['quarantineAddress'],
    })
    .prefault({});

function wantsQuarantine(c: {
  clamav?: { onVirus: string } | undefined;
  rspamd?: { onSpam: string } | undefined;
  attachments: { onFound: string };
}): boolean {
  return [c.clamav?.onVirus, c.rspamd?.onSpam, c.attachments.onFound].includes('quarantine');
}

export type ContentSettings = z.infer<ReturnType<typeof contentSettings>>;
