import { decodeCharset } from '@postern/shared/message/charset.ts';
import { rawParameter } from '@postern/shared/message/content-fields.ts';
import { decodeText } from '@postern/shared/message/text.ts';
import { decodeTransfer } from '@postern/shared/message/transfer-encoding.ts';
import type { Call } from '../call.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { type MessagePart, Value } from '../message.ts';
import type { Extension, Predicate } from '../program.ts';
import type { Run } from '../run.ts';
import { textsOf } from '../text.ts';

/** RFC 5173 §5.2: `type/subtype`, `type`, or empty for all. */
function isOfType({ mime }: MessagePart, wanted: string): boolean {
  const [type, subtype, ...more] = wanted.toLowerCase().split('/');
  if (wanted === '') return true;
  if (more.length > 0 || type === '' || subtype === '') return false;
  return mime.type === type && (subtype === undefined || mime.subtype === subtype);
}

/** What is left of the octets that tests of one run may look at. */
interface Budget {
  octets: number;
}

function decoded(run: Run, { mime, bytes }: MessagePart, budget: Budget): string {
  const body = bytes.subarray(0, budget.octets);
  budget.octets -= body.length;
  run.spend(body.length);
  const octets = decodeTransfer(body, mime.encoding) ?? body;
  return decodeCharset(octets, mime.type === 'text' ? rawParameter(mime.params, 'charset') : 'utf-8');
}

/** RFC 5173 §5.2: of a multipart, its prologue and epilogue; of a message, its header; of others, what they hold. */
function contentOf(run: Run, part: MessagePart, budget: Budget): string {
  const { mime } = part;
  if (mime.kind === 'leaf') return decoded(run, part, budget);
  const whole = run.input.message.bytes;
  const [first] = mime.children;
  const last = mime.children.at(-1);
  if (mime.kind === 'message') return first === undefined ? '' : text(whole, first.headerStart, first.bodyStart);
  const prologue = text(whole, mime.bodyStart, Math.max(mime.bodyStart, first?.headerStart ?? mime.bodyEnd));
  return `${withoutDelimiters(prologue)}\n${withoutDelimiters(text(whole, last?.bodyEnd ?? mime.bodyEnd, mime.bodyEnd))}`;
}

const text = (bytes: Buffer, from: number, to: number): string =>
  bytes.toString('utf8', from, Math.min(to, from + 65_536));
const withoutDelimiters = (lines: string): string => lines.replace(/^--.*$/gm, '');

function allParts(run: Run, part: MessagePart): MessagePart[] {
  run.step(run.at);
  return [part, ...part.children.flatMap((child) => allParts(run, child))];
}

function compileBody(call: Call): Predicate {
  // RFC 5173 §6: a match in the body sets no match variables.
  const matches = call.matcher(0, false);
  const transform = call.chosen('transform') ?? 'text';
  if (transform === 'raw') {
    return (run) => {
      const { message } = run.input;
      const values = message.bodyTexts('raw', () => {
        const { bodyStart } = message.root.mime;
        const end = Math.min(message.bytes.length, bodyStart + run.limits.maxBodyBytes);
        return [new Value(message.bytes.toString('utf8', bodyStart, end))];
      });
      return matches(run, values);
    };
  }
  const types = call.tagTexts('content') ?? [];
  return (run) => {
    const { message } = run.input;
    const wanted = textsOf(run, types);
    const values = message.bodyTexts(`${transform} ${wanted.join('\n')}`, () => {
      const budget: Budget = { octets: run.limits.maxBodyBytes };
      const parts = allParts(run, message.root);
      if (transform === 'content') {
        const chosen = parts.filter((part) => wanted.some((type) => isOfType(part, type)));
        return chosen.map((part) => new Value(contentOf(run, part, budget)));
      }
      // RFC 5173 §5.3: the text that a reader sees; markup of HTML is left out.
      return parts
        .filter(({ mime }) => mime.kind === 'leaf' && mime.type === 'text')
        .map(({ mime }) => {
          const value = new Value(decodeText(message.bytes, mime, Math.max(0, budget.octets)));
          budget.octets -= mime.bodyEnd - mime.bodyStart;
          run.spend(value.text.length);
          return value;
        });
    });
    return matches(run, values);
  };
}

/** RFC 5173. */
export const body: Extension = {
  capability: 'body',
  tests: [
    {
      name: 'body',
      tags: [
        ...MATCHING_TAGS,
        { name: 'raw', group: 'transform' },
        { name: 'content', value: 'strings', group: 'transform' },
        { name: 'text', group: 'transform' },
      ],
      takes: ['strings'],
      compile: compileBody,
    },
  ],
};
