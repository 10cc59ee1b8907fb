import type { EnvelopeRecipient } from '../envelope.ts';
import { isAscii, parsePath } from '../path.ts';
import { type Reply, reply } from '../reply.ts';
import { decodeXtext } from '../xtext.ts';
import type { MailParameters } from './session.ts';

/** What the session allows to a MAIL or RCPT command. */
export interface CommandContext {
  /** EHLO or LHLO was said: parameters are allowed (RFC 5321 §4.1.1.1). */
  readonly extended: boolean;
  readonly maxMessageBytes: number;
  /** Upper-case keywords beyond the standard ones. */
  readonly extraKeywords: ReadonlySet<string>;
  /** AUTH is offered, and its parameter of MAIL with it. */
  readonly auth: boolean;
  /** RCPT: SMTPUTF8 was given at MAIL. */
  readonly smtpUtf8: boolean;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reply: Reply };

const NOTIFY_VALUES = ['NEVER', 'SUCCESS', 'FAILURE', 'DELAY'] as const;
type Notify = (typeof NOTIFY_VALUES)[number];

/** RFC 5321 §4.1.1.2, with SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461). */
export function parseMail(
  line: string,
  context: CommandContext,
): Parsed<{ reversePath: string; parameters: MailParameters }> {
  const opening = /^MAIL FROM: */i.exec(line);
  if (opening === null) return refuse(501, '5.5.2', 'Syntax: MAIL FROM:<address>');
  const path = parsePath(line, opening[0].length, 'reverse');
  if (!path.ok) return refuse(501, '5.1.7', `Bad sender address: ${path.cause}`);
  const split = splitParameters(line.slice(path.next), context.extended);
  if (!split.ok) return split;
  let size: number | undefined;
  let body: '7BIT' | '8BITMIME' = '7BIT';
  let smtpUtf8 = false;
  let ret: 'FULL' | 'HDRS' | undefined;
  let envid: string | undefined;
  const extra = new Map<string, string>();
  for (const [keyword, value] of split.value) {
    switch (keyword) {
      case 'SIZE':
        if (value === undefined || !/^\d{1,20}$/.test(value)) return badParameter('SIZE');
        size = Number(value);
        break;
      case 'BODY': {
        const upper = value?.toUpperCase();
        if (upper !== '7BIT' && upper !== '8BITMIME') return badParameter('BODY');
        body = upper;
        break;
      }
      case 'SMTPUTF8':
        if (value !== undefined) return badParameter('SMTPUTF8');
        smtpUtf8 = true;
        break;
      case 'RET': {
        const upper = value?.toUpperCase();
        if (upper !== 'FULL' && upper !== 'HDRS') return badParameter('RET');
        ret = upper;
        break;
      }
      case 'ENVID':
        // RFC 3461 §4.4: at most 100 characters of xtext.
        envid = value === undefined || value.length > 100 ? undefined : decodeXtext(value);
        if (envid === undefined) return badParameter('ENVID');
        break;
      case 'AUTH':
        // RFC 4954 §5: what a client says about somebody else's submission is believed by nobody here.
        if (!context.auth) return unknownParameter(keyword);
        if (value === undefined || value.length > 500) return badParameter('AUTH');
        break;
      default:
        if (!context.extraKeywords.has(keyword)) return unknownParameter(keyword);
        if (value === undefined) return badParameter(keyword);
        extra.set(keyword, value);
    }
  }
  // RFC 6531 §3.5: an address beyond ASCII without SMTPUTF8 is 553 with 5.6.7.
  if (path.utf8 && !smtpUtf8) return refuse(553, '5.6.7', 'SMTPUTF8 is needed for this address');
  // RFC 1870 §6.1.
  if (size !== undefined && size > context.maxMessageBytes) {
    return refuse(552, '5.3.4', `Message size exceeds the limit of ${context.maxMessageBytes} octets`);
  }
  const parameters = { size, body, smtpUtf8, ret, envid, requireTls: false, extra };
  return { ok: true, value: { reversePath: path.address, parameters } };
}

/** RFC 5321 §4.1.1.3, with NOTIFY and ORCPT (RFC 3461 §4.1, §4.2). */
export function parseRecipient(line: string, context: CommandContext): Parsed<EnvelopeRecipient> {
  const opening = /^RCPT TO: */i.exec(line);
  if (opening === null) return refuse(501, '5.5.2', 'Syntax: RCPT TO:<address>');
  const path = parsePath(line, opening[0].length, 'forward');
  if (!path.ok) return refuse(501, '5.1.3', `Bad recipient address: ${path.cause}`);
  const split = splitParameters(line.slice(path.next), context.extended);
  if (!split.ok) return split;
  let notify: Notify[] | undefined;
  let orcpt: string | undefined;
  for (const [keyword, value] of split.value) {
    if (keyword === 'NOTIFY') {
      notify = parseNotify(value);
      if (notify === undefined) return badParameter('NOTIFY');
    } else if (keyword === 'ORCPT') {
      orcpt = parseOrcpt(value);
      if (orcpt === undefined) return badParameter('ORCPT');
    } else {
      return unknownParameter(keyword);
    }
  }
  if (path.utf8 && !context.smtpUtf8) return refuse(553, '5.6.7', 'SMTPUTF8 is needed for this address');
  return { ok: true, value: { address: path.address, notify, orcpt } };
}

function parseNotify(value: string | undefined): Notify[] | undefined {
  const words = (value ?? '').toUpperCase().split(',');
  const known = NOTIFY_VALUES.filter((word) => words.includes(word));
  if (known.length !== new Set(words).size) return undefined;
  return known.includes('NEVER') && known.length > 1 ? undefined : known;
}

function parseOrcpt(value: string | undefined): string | undefined {
  const match = /^([A-Za-z0-9-]+);(.{1,500})$/.exec(value ?? '');
  const address = match?.[2] === undefined ? undefined : decodeXtext(match[2]);
  return address === undefined ? undefined : `${match?.[1]};${address}`;
}

/** RFC 5321 §4.1.2 Mail-parameters: SP esmtp-keyword ["=" esmtp-value]; each keyword once. */
function splitParameters(text: string, extended: boolean): Parsed<Map<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  if (text.trimEnd() === '') return { ok: true, value: found };
  if (!text.startsWith(' ')) return refuse(501, '5.5.2', 'A space is due before parameters');
  if (!extended) return refuse(555, '5.5.4', 'Parameters need EHLO');
  for (const word of text.split(' ')) {
    if (word === '') continue;
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\u{10FFFF}]+))?$/u.exec(word);
    const keyword = match?.[1]?.toUpperCase();
    if (match === null || keyword === undefined) return refuse(501, '5.5.4', 'Bad parameter syntax');
    if (found.has(keyword)) return refuse(501, '5.5.4', `${keyword} was given twice`);
    found.set(keyword, match[2]);
  }
  return { ok: true, value: found };
}

function badParameter(keyword: string): { ok: false; reply: Reply } {
  return refuse(501, '5.5.4', `Bad value of ${keyword}`);
}

/** RFC 5321 §4.1.1.11: parameters not recognised are 555. */
function unknownParameter(keyword: string): { ok: false; reply: Reply } {
  const shown = isAscii(keyword) ? keyword.slice(0, 32) : 'Parameter';
  return refuse(555, '5.5.4', `${shown} is not known here`);
}

function refuse(code: number, enhanced: string, text: string): { ok: false; reply: Reply } {
  return { ok: false, reply: reply(code, enhanced, text) };
}
