import type { Extension } from '../program.ts';
import { textOf } from '../text.ts';

/** RFC 5463. What a true `ihave` names is usable from there on; errors elsewhere wait until control reaches them. */
export const ihave: Extension = {
  capability: 'ihave',
  tests: [
    {
      name: 'ihave',
      takes: ['strings'],
      compile(call) {
        const names = call.constants(0, 'the names of extensions');
        const all = names.every((name) => call.compiler.isSupported(name));
        if (all) for (const name of names) call.compiler.makeUsable(name);
        return () => all;
      },
    },
  ],
  commands: [
    {
      name: 'error',
      takes: ['string'],
      compile(call) {
        const message = call.text(0);
        return (run) => run.fail(textOf(run, message));
      },
    },
  ],
};
