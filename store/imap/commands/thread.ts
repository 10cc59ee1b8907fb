import type { ThreadKeys } from '../../mailstore/mailstore.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { readSearchKeys, type SearchProgram, someKey } from '../codec/search-key.ts';
import { ok } from '../completion.ts';
import { charsetFault, find } from '../searching.ts';
import type { Forest } from '../threading/forest.ts';
import { threadsBySubject } from '../threading/ordered-subject.ts';
import { threadsByReferences, threadsByRefs } from '../threading/references.ts';
import { writeThreads } from '../threading/thread.ts';
import { type Command, SELECTED } from './command.ts';

const ALGORITHMS: Readonly<Record<string, (keys: ThreadKeys) => Forest>> = {
  ORDEREDSUBJECT: threadsBySubject,
  REFERENCES: threadsByReferences,
  REFS: threadsByRefs,
};

interface Arguments extends SearchProgram {
  readonly algorithm: string;
}

/** RFC 5256 §3 THREAD. */
function threading(uid: boolean): Command<Arguments> {
  return {
    name: uid ? 'UID THREAD' : 'THREAD',
    states: SELECTED,
    expunges: ({ key }) => uid && !someKey(key, ({ kind }) => kind === 'sequence'),
    counts: ({ key }) => !uid || someKey(key, ({ kind }) => kind === 'sequence'),
    read(args: ArgumentReader) {
      args.space();
      const algorithm = args.keyword();
      if (!Object.hasOwn(ALGORITHMS, algorithm) || !args.offers(`THREAD=${algorithm}`)) args.fail('unknown algorithm');
      args.space();
      const charset = args.astring().toUpperCase();
      args.space();
      return { algorithm, returns: undefined, charset, key: readSearchKeys(args) };
    },
    async act(session, program) {
      const refused = charsetFault(session, program, { mandatory: true });
      if (refused !== undefined) return refused;
      const { view } = session.selected;
      const found = await find(session, session.selected, program.key);
      const uids = found.map((sequence) => view.uidAt(sequence) ?? 0);
      const keys = await session.whileWorking(session.mailstore.messages.threadKeys(view.mailboxId, uids));
      const threads = ALGORITHMS[program.algorithm]?.(keys);
      const { out } = session;
      out.text('* THREAD');
      if (threads !== undefined && threads.roots.length > 0) {
        out.text(' ');
        await writeThreads(session, threads, uid ? keys.uids : keys.uids.map((each) => view.sequenceOf(each)));
      }
      out.text('\r\n');
      return ok('THREAD completed');
    },
  };
}

export const thread = threading(false);
export const uidThread = threading(true);
