import type { Call } from '../call.ts';
import type { Extension, IncludeName, Step } from '../program.ts';
import { newFrame } from '../run.ts';
import { VARIABLE_NAME } from '../text.ts';

/** RFC 5804 §1.6. */
const SCRIPT_NAME = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,512}$/;

function compileInclude(call: Call): Step {
  const name = call.constant(0, 'the name of a script');
  if (!SCRIPT_NAME.test(name)) call.fail('this is no name of a script');
  const wanted: IncludeName = { location: call.chosen('location') === 'global' ? 'global' : 'personal', name };
  const isOnce = call.has('once');
  const isOptional = call.has('optional');
  const key = `${wanted.location}/${name}`;
  call.compiler.includes.push(wanted);
  return (run) => {
    if (isOnce && (run.included.has(key) || run.includeStack.includes(key))) return;
    const program = run.input.include?.(wanted);
    if (program === undefined) {
      if (isOptional) return;
      return run.fail(`there is no ${wanted.location} script "${name}"`);
    }
    // RFC 6609 §3.1.
    if (run.includeStack.includes(key)) run.fail(`script "${name}" includes itself`);
    if (run.includeStack.length >= run.limits.maxIncludeDepth) run.fail('scripts include each other too deeply');
    if (run.included.size >= run.limits.maxIncludes) run.fail('too many scripts are included');
    run.included.add(key);
    run.includeStack.push(key);
    const { frame } = run;
    run.frame = newFrame();
    run.execute(program.steps);
    run.frame = frame;
    run.includeStack.pop();
    if (run.halted === 'return') run.halted = undefined;
  };
}

function compileGlobal(call: Call): Step {
  if (!call.compiler.use(['variables'])) call.fail('"global" asks for require "variables"');
  const names = call.constants(0, 'names of variables').map((name) => name.toLowerCase());
  const wrong = names.find((name) => !VARIABLE_NAME.test(name));
  if (wrong !== undefined) call.fail(`"${wrong}" cannot be the name of a variable`);
  return (run) => {
    for (const name of names) {
      // RFC 6609 §3.4.1.
      if (run.frame.variables.has(name)) run.fail(`variable "${name}" was set before it became global`);
      run.frame.globals.add(name);
    }
  };
}

/** RFC 6609. */
export const include: Extension = {
  capability: 'include',
  commands: [
    {
      name: 'include',
      tags: [
        { name: 'personal', group: 'location' },
        { name: 'global', group: 'location' },
        { name: 'once' },
        { name: 'optional' },
      ],
      takes: ['string'],
      compile: compileInclude,
    },
    {
      name: 'return',
      compile: () => (run) => {
        run.halted = 'return';
      },
    },
    { name: 'global', takes: ['strings'], compile: compileGlobal },
  ],
};
