import { type AuthorizedUrl, parseAuthorizedUrl } from '../codec/authorized-url.ts';
import type { ArgumentReader } from '../codec/lexer.ts';
import { no, ok } from '../completion.ts';
import { findMailbox, noSuchMailbox } from '../mailbox-argument.ts';
import { authorize, forgetKeys, INTERNAL, octetsAuthorized, resetKey } from '../url-authorization.ts';
import { type Command, SIGNED_IN } from './command.ts';

/** Most URLs of one command. */
const MAX_URLS = 50;

/** RFC 4467 §7 GENURLAUTH: makes URLs that let others read a message, or a part, of one's own. */
export const genUrlAuth: Command<readonly { readonly url: AuthorizedUrl; readonly mechanism: string }[]> = {
  name: 'GENURLAUTH',
  states: SIGNED_IN,
  expunges: true,
  capability: 'URLAUTH',
  read(args: ArgumentReader) {
    const wanted: { url: AuthorizedUrl; mechanism: string }[] = [];
    do {
      args.space();
      const url = parseAuthorizedUrl(args.astring());
      if (url === undefined || url.authorization !== undefined) return args.fail('not a URL that can be authorized');
      args.space();
      wanted.push({ url, mechanism: args.keyword() });
      if (wanted.length > MAX_URLS) args.fail('too many URLs');
    } while (!args.atEnd);
    return wanted;
  },
  async act(session, wanted) {
    if (wanted.some(({ mechanism }) => mechanism !== INTERNAL)) return no('CANNOT', `The mechanism is ${INTERNAL}`);
    const authorized: string[] = [];
    for (const { url } of wanted) {
      const made = await authorize(session, url);
      // One answer for another one's mailbox and for none.
      if (made === undefined) return no('NONEXISTENT', 'You have no such mailbox');
      authorized.push(made);
    }
    session.out.text('* GENURLAUTH');
    for (const url of authorized) session.out.text(' ').string(url);
    session.out.text('\r\n');
    return ok('GENURLAUTH completed');
  },
};

/** RFC 4467 §7 RESETKEY: takes back what was authorized, for one mailbox or for all. */
export const resetUrlKey: Command<{ readonly mailbox: string | undefined; readonly mechanisms: readonly string[] }> = {
  name: 'RESETKEY',
  states: SIGNED_IN,
  expunges: true,
  capability: 'URLAUTH',
  read(args: ArgumentReader) {
    if (args.atEnd) return { mailbox: undefined, mechanisms: [] };
    args.space();
    const mailbox = args.astring();
    const mechanisms: string[] = [];
    while (!args.atEnd) {
      args.space();
      mechanisms.push(args.keyword());
    }
    return { mailbox, mechanisms };
  },
  async act(session, { mailbox: octets, mechanisms }) {
    if (octets === undefined) {
      await forgetKeys(session);
      return ok('All keys are new');
    }
    if (mechanisms.some((mechanism) => mechanism !== INTERNAL)) return no('CANNOT', `The mechanism is ${INTERNAL}`);
    const mailbox = await findMailbox(session, octets);
    if (mailbox === undefined) return noSuchMailbox();
    if (mailbox.ownerAddress !== undefined) return no('NOPERM', 'The key is its owner’s');
    await resetKey(session, mailbox);
    return ok('The key is new', `URLMECH ${INTERNAL}`);
  },
};

/** RFC 4467 §7 URLFETCH: what authorized URLs name; NIL where this session may not have it. */
export const urlFetch: Command<readonly string[]> = {
  name: 'URLFETCH',
  states: SIGNED_IN,
  expunges: true,
  capability: 'URLAUTH',
  read(args: ArgumentReader) {
    const urls: string[] = [];
    do {
      args.space();
      urls.push(args.astring());
      if (urls.length > MAX_URLS) args.fail('too many URLs');
    } while (!args.atEnd);
    return urls;
  },
  async act(session, urls) {
    const { maxLiteralBytes } = session.services.config;
    for (const url of urls) {
      const octets = await session.whileWorking(octetsAuthorized(session, url, maxLiteralBytes));
      session.out.text('* URLFETCH ').astring(url).text(' ');
      if (octets === undefined || octets === 'too-big') session.out.text('NIL');
      else session.out.literal(octets);
      session.out.text('\r\n');
      await session.flow();
    }
    return ok('URLFETCH completed');
  },
};
