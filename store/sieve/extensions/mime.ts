import { decodeText } from '@postern/shared/message/text.ts';
import type { Call } from '../call.ts';
import type { MessagePart } from '../message.ts';
import type { Extension, Step } from '../program.ts';
import type { Run } from '../run.ts';
import { modifiersOf, settableName } from './variables.ts';

const ON = ['header', 'address', 'exists'];

/** RFC 5703 §4: tests of the header of parts. */
export const mime: Extension = {
  capability: 'mime',
  tags: [
    { tag: { name: 'mime' }, on: ON },
    { tag: { name: 'anychild' }, on: ON },
    { tag: { name: 'type', group: 'mime-option' }, on: ['header'] },
    { tag: { name: 'subtype', group: 'mime-option' }, on: ['header'] },
    { tag: { name: 'contenttype', group: 'mime-option' }, on: ['header'] },
    { tag: { name: 'param', value: 'strings', group: 'mime-option' }, on: ['header'] },
  ],
};

function compileForEveryPart(call: Call): Step {
  const name = call.tagConstant('name');
  const { loops } = call.compiler;
  loops.push(name);
  const steps = call.block();
  loops.pop();
  return (run) => {
    const outer = run.part;
    walk(run, outer ?? run.input.message.root, outer === undefined, () => run.execute(steps));
    run.part = outer;
    const { halted } = run;
    // `break` without a name ends the innermost loop, with one the loop of that name.
    if (typeof halted === 'object' && (halted.breaks === undefined || halted.breaks === name)) run.halted = undefined;
  };
}

/** RFC 5703 §3: depth first; a loop in a loop goes over the parts below. False: the walk was ended. */
function walk(run: Run, part: MessagePart, withItself: boolean, visit: () => void): boolean {
  if (withItself) {
    run.step(run.at);
    run.part = part;
    visit();
    if (run.halted !== undefined) return false;
  }
  return part.children.every((child) => walk(run, child, true, visit));
}

function compileBreak(call: Call): Step {
  const name = call.tagConstant('name');
  const { loops } = call.compiler;
  if (loops.length === 0) call.fail('"break" outside of "foreverypart"');
  if (name !== undefined && !loops.includes(name)) call.fail(`no "foreverypart" is called "${name}" here`);
  return (run) => {
    run.halted = { breaks: name };
  };
}

/** RFC 5703 §3. */
export const foreverypart: Extension = {
  capability: 'foreverypart',
  commands: [
    {
      name: 'foreverypart',
      tags: [{ name: 'name', value: 'string' }],
      takesBlock: true,
      compile: compileForEveryPart,
    },
    { name: 'break', tags: [{ name: 'name', value: 'string' }], compile: compileBreak },
  ],
};

/** RFC 5703 §7: the text of the current part, in UTF-8; empty if it is no text. */
export const extracttext: Extension = {
  capability: 'extracttext',
  commands: [
    {
      name: 'extracttext',
      tags: [{ name: 'first', value: 'number' }],
      takes: ['string'],
      compile(call) {
        if (!call.compiler.use(['variables'])) call.fail('"extracttext" asks for require "variables"');
        if (call.compiler.loops.length === 0) call.fail('"extracttext" outside of "foreverypart"');
        const name = settableName(call, 0);
        const modify = modifiersOf(call);
        const first = call.tagNumber('first');
        return (run) => {
          const { part } = run;
          const isText = part?.mime.kind === 'leaf' && part.mime.type === 'text';
          const text = isText ? decodeText(run.input.message.bytes, part.mime, run.limits.maxBodyBytes) : '';
          run.setVariable(name, modify(first === undefined ? text : Array.from(text).slice(0, first).join('')));
        };
      },
    },
  ],
};
