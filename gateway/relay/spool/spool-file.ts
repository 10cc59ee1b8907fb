import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StoredEnvelope } from '../stores.ts';

/**
 * The files of the spool as bytes; pure. A message file is written once and never changed:
 *
 *     POSTERN-SPOOL 1 <envelope octets> <content octets> <sha256 of both>\n
 *     <envelope as JSON>\n
 *     <content, octet for octet>
 *
 * What became of its recipients since is a small state file beside it: `POSTERN-STATE 1 <sha256>\n<JSON>\n`.
 */
const MAGIC = 'POSTERN-SPOOL 1';
const STATE_MAGIC = 'POSTERN-STATE 1';

const replySchema = z.object({ code: z.int(), enhanced: z.string(), text: z.string() });

const recipientSchema = z.object({
  /** As expanded when the message was accepted: the account's own address, or an outside one. Never expanded anew. */
  address: z.string(),
  route: z.enum(['store', 'outside']),
  /** Name of the store that the account lives in; the default one when there is none. */
  store: z.string().optional(),
  notify: z.array(z.enum(['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'])).optional(),
  orcpt: z.string().optional(),
  status: z.enum(['pending', 'delivered', 'failed']),
  reply: replySchema.optional(),
  /** Tries so far, and when the next one is due (milliseconds since 1970). */
  attempts: z.int().optional(),
  nextTryAt: z.number().optional(),
  /** Host that gave the reply, when another server did. */
  remoteMta: z.string().optional(),
  /** Its sender was told that it waits. */
  delayTold: z.boolean().optional(),
  /** Its refusal was seen to: told, quarantined, or nobody's concern. */
  handled: z.boolean().optional(),
});

const stateSchema = z.object({
  recipients: z.array(recipientSchema),
  attempts: z.int(),
  /** Milliseconds since 1970. */
  nextTryAt: z.number(),
  lastTryAt: z.number().optional(),
  /** When an administrator started it anew: its lifetime counts from then. */
  requeuedAt: z.number().optional(),
  /** Why it lies in the held folder. */
  heldBecause: z.string().optional(),
});

const envelopeSchema = z.object({
  deliveryId: z.string().regex(/^[0-9a-f]{32}$/),
  messageId: z.string().optional(),
  receivedAt: z.number(),
  /** Why it was spooled. */
  cause: z.string(),
  client: z.string(),
  reversePath: z.string(),
  body: z.enum(['7BIT', '8BITMIME']),
  smtpUtf8: z.boolean(),
  ret: z.enum(['FULL', 'HDRS']).optional(),
  envid: z.string().optional(),
  requireTls: z.boolean().optional(),
  /** Where policy wants it in its recipients' accounts, when that is not the INBOX. */
  placement: z.literal('junk').optional(),
  /** The reverse-path was authenticated by SPF or DKIM when the message came, so that a DSN may go there (invariant 3). */
  senderAuthenticated: z.boolean().optional(),
  /** Where it came from, when that is not the Internet. */
  origin: z.enum(['hub', 'host', 'submission']).optional(),
  /** SHA-256 of the octets as they came, of a message whose id was given by a verified peer. */
  receivedSha256: z.string().optional(),
  /** Mail of somebody else that an alias or a filter sends on: it leaves with a sender of ours, and sealed. */
  forwarded: z.boolean().optional(),
  /** For the seal: what was found out about its sender, and whether its chain of seals was good (RFC 8617 §5.1). */
  authentication: z.object({ results: z.string(), chain: z.enum(['none', 'pass', 'fail']) }).optional(),
  /** A message of our own about another one: see refused-later.ts. */
  purpose: z.enum(['dsn', 'quarantine']).optional(),
  state: stateSchema,
});

/** One recipient of a spooled message. */
export type SpoolRecipient = Readonly<z.infer<typeof recipientSchema>>;
/** What became of the recipients so far. */
export type SpoolState = Readonly<z.infer<typeof stateSchema>>;
/** What is kept beside the content; `state` is the one at the time of spooling. */
export type SpoolEnvelope = Readonly<z.infer<typeof envelopeSchema>>;

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** The pieces of a message file, in order; the content is not copied. */
export function encodeSpoolFile(envelope: SpoolEnvelope, content: readonly Buffer[]): Buffer[] {
  const json = Buffer.from(JSON.stringify(envelope));
  const hash = createHash('sha256').update(json);
  let contentBytes = 0;
  for (const piece of content) {
    hash.update(piece);
    contentBytes += piece.length;
  }
  const head = `${MAGIC} ${json.length} ${contentBytes} ${hash.digest('hex')}\n`;
  return [Buffer.from(head), json, Buffer.from('\n'), ...content];
}

/** Reads a whole message file; every octet is covered by the checksum or by the lengths. */
export function decodeSpoolFile(file: Buffer): Decoded<{ envelope: SpoolEnvelope; content: Buffer }> {
  const head = decodeHead(file);
  if (!head.ok) return head;
  const { envelope, json, contentStart, contentBytes, sha256 } = head.value;
  if (file.length !== contentStart + contentBytes) {
    return { ok: false, why: `${file.length - contentStart} octets of content instead of ${contentBytes}` };
  }
  const content = file.subarray(contentStart);
  if (createHash('sha256').update(json).update(content).digest('hex') !== sha256) {
    return { ok: false, why: 'the checksum does not fit' };
  }
  return { ok: true, value: { envelope, content } };
}

/** Reads the envelope from the beginning of a message file, for lists; the checksum is not looked at. */
export function decodeSpoolHead(start: Buffer): Decoded<{ envelope: SpoolEnvelope; contentBytes: number }> {
  return decodeHead(start);
}

/** Where the envelope ends and the content begins; undefined when the start does not hold all of it. */
export function headEnd(start: Buffer): number | undefined {
  const head = decodeHead(start);
  return head.ok ? head.value.contentStart : undefined;
}

interface Head {
  envelope: SpoolEnvelope;
  json: Buffer;
  contentStart: number;
  contentBytes: number;
  sha256: string;
}

function decodeHead(file: Buffer): Decoded<Head> {
  const lineEnd = file.subarray(0, 200).indexOf(0x0a);
  const line = file.toString('latin1', 0, Math.max(lineEnd, 0));
  const match = /^POSTERN-SPOOL 1 (\d{1,10}) (\d{1,15}) ([0-9a-f]{64})$/.exec(line);
  if (match === null) return { ok: false, why: 'not a spool file' };
  const jsonEnd = lineEnd + 1 + Number(match[1]);
  if (file.length <= jsonEnd || file[jsonEnd] !== 0x0a) return { ok: false, why: 'the envelope is cut short' };
  const json = file.subarray(lineEnd + 1, jsonEnd);
  const envelope = parseJson(envelopeSchema, json.toString());
  if (!envelope.ok) return envelope;
  return {
    ok: true,
    value: {
      envelope: envelope.value,
      json,
      contentStart: jsonEnd + 1,
      contentBytes: Number(match[2]),
      sha256: match[3] ?? '',
    },
  };
}

export function encodeSpoolState(state: SpoolState): Buffer {
  const json = JSON.stringify(state);
  return Buffer.from(`${STATE_MAGIC} ${createHash('sha256').update(json).digest('hex')}\n${json}\n`);
}

export function decodeSpoolState(file: Buffer): Decoded<SpoolState> {
  const match = /^POSTERN-STATE 1 ([0-9a-f]{64})\n(.*)\n$/s.exec(file.toString());
  if (match === null) return { ok: false, why: 'not a state file' };
  const json = match[2] ?? '';
  if (createHash('sha256').update(json).digest('hex') !== match[1]) {
    return { ok: false, why: 'the checksum does not fit' };
  }
  return parseJson(stateSchema, json);
}

function parseJson<T>(schema: z.ZodType<T>, text: string): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, why: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'of another shape'}` };
}

/** The envelope to send to some of the recipients. */
export function envelopeFor(spooled: SpoolEnvelope, recipients: readonly SpoolRecipient[]): StoredEnvelope {
  return {
    reversePath: spooled.reversePath,
    body: spooled.body,
    smtpUtf8: spooled.smtpUtf8,
    ret: spooled.ret,
    envid: spooled.envid,
    requireTls: spooled.requireTls,
    recipients: recipients.map(({ address, notify, orcpt, store }) => ({ address, notify, orcpt, store })),
  };
}
