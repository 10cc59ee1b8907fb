import { addressPartOf } from '../address-part.ts';
import { ADDRESS_PART_TAGS, MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension } from '../program.ts';
import type { Run } from '../run.ts';
import { textsOf } from '../text.ts';

const PARTS = ['from', 'to', 'auth'];

function partOf({ input: { envelope } }: Run, name: string): string | undefined {
  if (name === 'from') return envelope.from;
  return name === 'to' ? envelope.to : envelope.auth;
}

/** RFC 5228 §5.4. The null reverse-path is an empty string, whatever part of the address is asked for. */
export const envelope: Extension = {
  capability: 'envelope',
  tests: [
    {
      name: 'envelope',
      tags: [...MATCHING_TAGS, ...ADDRESS_PART_TAGS],
      takes: ['strings', 'strings'],
      compile(call) {
        const names = call.texts(0);
        const wrong = names.find((name) => typeof name === 'string' && !PARTS.includes(name.toLowerCase()));
        if (wrong !== undefined) call.fail(`"${String(wrong)}" is no part of an envelope`);
        const matches = call.matcher(1);
        const part = addressPartOf(call);
        return (run) => {
          const values = textsOf(run, names).flatMap((name) => {
            const address = partOf(run, name.toLowerCase());
            const text = address === undefined || address === '' ? address : part(address);
            return text === undefined ? [] : [new Value(text)];
          });
          return matches(run, values);
        };
      },
    },
  ],
};
