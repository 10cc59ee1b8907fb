import type { Call } from '../call.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension, Step } from '../program.ts';
import { textOf, textsOf, VARIABLE_NAME } from '../text.ts';

type Modifier = (value: string) => string;

const first =
  (change: Modifier): Modifier =>
  (value) =>
    change(value.slice(0, 1)) + value.slice(1);
/** RFC 5229 §4.1.3: letters of US-ASCII alone. */
const lower: Modifier = (value) => value.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
const upper: Modifier = (value) => value.replace(/[a-z]+/g, (letters) => letters.toUpperCase());

/** RFC 5229 §4.1: in the order in which they are applied; of a group one at most is given. `:encodeurl` is of RFC 5435 §6. */
const MODIFIERS: readonly { readonly name: string; readonly group: string; readonly apply: Modifier }[] = [
  { name: 'lower', group: '40', apply: lower },
  { name: 'upper', group: '40', apply: upper },
  { name: 'lowerfirst', group: '30', apply: first(lower) },
  { name: 'upperfirst', group: '30', apply: first(upper) },
  { name: 'quotewildcard', group: '20', apply: (value) => value.replace(/[*?\\]/g, '\\$&') },
  { name: 'quoteregex', group: '20', apply: (value) => value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') },
  { name: 'encodeurl', group: '15', apply: encodeUrl },
  { name: 'length', group: '10', apply: (value) => String(Array.from(value).length) },
];

/** RFC 3986 §2.3: everything but unreserved characters, octet by octet. */
function encodeUrl(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The name of a variable that may be set, in lower case. */
export function settableName(call: Call, index: number): string {
  const name = call.constant(index, 'the name of a variable');
  const global = /^global\.([a-z_][a-z0-9_]*)$/i.exec(name)?.[1];
  if (global !== undefined && call.compiler.use(['include'])) return `global.${global.toLowerCase()}`;
  return VARIABLE_NAME.test(name) ? name.toLowerCase() : call.fail(`"${name}" cannot be the name of a variable`);
}

export function modifiersOf(call: Call): Modifier {
  const chosen = MODIFIERS.filter(({ name }) => call.has(name));
  return (value) => chosen.reduce((text, { apply }) => apply(text), value);
}

function compileSet(call: Call): Step {
  const name = settableName(call, 0);
  const value = call.text(1);
  const modify = modifiersOf(call);
  return (run) => run.setVariable(name, modify(textOf(run, value)));
}

const MODIFIER_TAGS = MODIFIERS.map(({ name, group }) => ({
  tag: {
    name,
    group,
    ...(name === 'encodeurl' ? { needs: ['enotify'] } : name === 'quoteregex' ? { needs: ['regex'] } : {}),
  },
  on: ['set', 'extracttext'],
}));

/** RFC 5229. Strings are compiled with their references by `text.ts`. */
export const variables: Extension = {
  capability: 'variables',
  commands: [{ name: 'set', takes: ['string', 'string'], compile: compileSet }],
  tests: [
    {
      name: 'string',
      tags: MATCHING_TAGS,
      takes: ['strings', 'strings'],
      compile(call) {
        const sources = call.texts(0);
        const matches = call.matcher(1);
        // RFC 5229 §5: an empty string counts for nothing.
        const isCount = call.matchKind === 'count';
        return (run) => {
          const texts = textsOf(run, sources);
          const counted = isCount ? texts.filter((text) => text !== '') : texts;
          return matches(
            run,
            counted.map((text) => new Value(text)),
          );
        };
      },
    },
  ],
  tags: MODIFIER_TAGS,
};
