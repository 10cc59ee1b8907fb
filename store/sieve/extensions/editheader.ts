import type { Call } from '../call.ts';
import { fieldsAt } from '../field-choice.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import type { Extension, Step } from '../program.ts';
import type { Run } from '../run.ts';
import { textOf } from '../text.ts';

const FIELD_NAME = /^[\x21-\x39\x3b-\x7e]{1,76}$/;
/** RFC 5293 §6: trace and loop protection stay; what the gateway says of a message is nobody's to write. */
const PROTECTED = new Set(['received', 'auto-submitted', 'return-path', 'delivered-to', 'authentication-results']);

function mayChange(run: Run, name: string): boolean {
  if (!FIELD_NAME.test(name)) run.fail('this is no name of a header field');
  if (run.input.message.header.edits >= run.limits.maxHeaderEdits) run.fail('too many changes of the header');
  return !PROTECTED.has(name.toLowerCase());
}

function compileAdd(call: Call): Step {
  const name = call.text(0);
  const value = call.text(1);
  const isLast = call.has('last');
  if (typeof name === 'string' && !FIELD_NAME.test(name)) call.fail(`"${name}" is no name of a header field`);
  return (run) => {
    const field = textOf(run, name);
    if (!mayChange(run, field)) return;
    // RFC 5293 §4: the value is unstructured text; a line end would begin a field of its own.
    const text = textOf(run, value)
      .replace(/[\r\n\0]+/g, ' ')
      .trim();
    run.input.message.header.add(field, text, isLast);
  };
}

function compileDelete(call: Call): Step {
  const name = call.text(0);
  const matches = call.positionalCount === 2 ? call.matcher(1) : undefined;
  const choice = fieldsAt(call);
  return (run) => {
    const { header } = run.input.message;
    const field = textOf(run, name);
    if (!mayChange(run, field)) return;
    const chosen = choice(header.named(field.toLowerCase()));
    header.remove(new Set(chosen.filter((each) => matches === undefined || matches(run, [header.valueOf(each)]))));
  };
}

/** RFC 5293. Off unless the site switches it on. */
export const editheader: Extension = {
  capability: 'editheader',
  commands: [
    { name: 'addheader', tags: [{ name: 'last' }], takes: ['string', 'string'], compile: compileAdd },
    {
      name: 'deleteheader',
      tags: [...MATCHING_TAGS, { name: 'index', value: 'number' }, { name: 'last' }],
      takes: ['string'],
      orTakes: ['string', 'strings'],
      compile: compileDelete,
    },
  ],
};
