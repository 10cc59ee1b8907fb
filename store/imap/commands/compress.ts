import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** RFC 4978. Offered after sign-in, so that nobody unknown makes the server keep two deflate streams. */
export const compress: Command<string> = {
  name: 'COMPRESS',
  states: SIGNED_IN,
  expunges: false,
  capability: 'COMPRESS=DEFLATE',
  read(args: ArgumentReader) {
    args.space();
    return args.keyword();
  },
  async act(session, mechanism) {
    if (mechanism !== 'DEFLATE') return no('CANNOT', 'No such compression mechanism');
    if (session.connection.compressed) return no('COMPRESSIONACTIVE', 'DEFLATE is active already');
    session.afterResponse(() => session.connection.startCompression());
    return ok('DEFLATE begins');
  },
};
