import { parseContentType, parseDisposition } from '@postern/shared/message/content-fields.ts';
import { decodeParameter } from '@postern/shared/message/encoded-word.ts';
import type { Call } from './call.ts';
import { type Header, type HeaderField, type MessagePart, Value } from './message.ts';
import type { Run } from './run.ts';
import { type Text, textsOf } from './text.ts';

/** The headers that a test looks at: the message's, or with `:mime` those of parts (RFC 5703 §4). */
export function headersAsked(call: Call): (run: Run) => readonly Header[] {
  if (call.has('anychild') && !call.has('mime')) call.fail(':anychild asks for :mime');
  if (!call.has('mime')) return (run) => [run.input.message.header];
  if (!call.has('anychild')) return (run) => [(run.part ?? run.input.message.root).header];
  return (run) => {
    const headers: Header[] = [];
    const visit = (part: MessagePart): void => {
      run.step(run.at);
      headers.push(part.header);
      for (const child of part.children) visit(child);
    };
    visit(run.part ?? run.input.message.root);
    return headers;
  };
}

type FieldValues = (run: Run, header: Header, field: HeaderField) => readonly Value[];

/** RFC 5703 §4.2: of a structured MIME field its type, subtype, both, or parameters, where they are asked for. */
export function mimeValues(call: Call): FieldValues {
  const what = call.chosen('mime-option');
  if (what === undefined) return (_run, header, field) => [header.valueOf(field)];
  if (!call.has('mime')) call.fail(`:${what} asks for :mime`);
  const parameters: readonly Text[] = call.tagTexts('param') ?? [];
  return (run, header, field) => {
    const raw = header.raw(field);
    const structured = field.lowerName === 'content-disposition' ? parseDisposition(raw) : parseContentType(raw);
    if (structured === undefined) return [];
    const { subtype = '' } = structured as { readonly subtype?: string };
    switch (what) {
      case 'type':
        return [new Value(structured.type)];
      case 'subtype':
        return [new Value(subtype)];
      case 'contenttype':
        return [new Value(subtype === '' ? structured.type : `${structured.type}/${subtype}`)];
      default:
        return textsOf(run, parameters).flatMap((name: string) => {
          const value = decodeParameter(structured.params, name.toLowerCase());
          return value === undefined ? [] : [new Value(value)];
        });
    }
  };
}
