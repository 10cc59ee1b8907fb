import { relative } from 'node:path';
import { DEMO_ALIASES } from './accounts.ts';
import { type Layout, PROJECT } from './layout.ts';
import type { StackFile } from './stack-file.ts';
import { renderTable } from './table.ts';

/** What the newcomer sees at the end: where everything listens, who has an account, and how to go on. */
export function summary(layout: Layout, stack: StackFile): string {
  const { endpoints } = layout;
  const at = (name: keyof typeof endpoints): string => `${endpoints[name].host}:${endpoints[name].port}`;
  const shown = (path: string): string => {
    const short = relative(PROJECT, path);
    return short.startsWith('..') ? path : short;
  };
  const addresses = renderTable(
    ['service', 'address', 'zone', 'how'],
    [
      ['SMTP', at('smtp'), 'Internet', 'mail from outside; STARTTLS offered'],
      ['LMTP', at('lmtp'), 'corporate', 'gateway to store; TLS, client certificate'],
      ['IMAP', at('imap'), 'corporate', 'STARTTLS, or plain on loopback (demo alone)'],
      ['IMAPS', at('imaps'), 'corporate', 'TLS'],
      ['POP3', at('pop3'), 'corporate', 'STLS, or plain on loopback (demo alone)'],
      ['POP3S', at('pop3s'), 'corporate', 'TLS'],
      ['ManageSieve', at('managesieve'), 'corporate', 'STARTTLS, or plain on loopback (demo alone)'],
      ['Submission', at('submission'), 'Internet', 'STARTTLS; people on the road send here'],
      ['Submissions', at('submissions'), 'Internet', 'TLS'],
      ['Submission', at('hubSubmission'), 'corporate', 'STARTTLS, or plain on loopback (demo alone); staff send here'],
      ['Submissions', at('hubSubmissions'), 'corporate', 'TLS'],
      ['Hub', at('hub'), 'corporate', 'SMTP of servers inside, without signing in'],
      ['Webmail', stack.webmail.url, 'Internet', 'HTTPS and JMAP; the CA below signs its certificate'],
      [
        'Console',
        stack.console.url,
        'corporate',
        'HTTPS; siteadmin@, user1@ (postmaster), anybody; the CA below signs its certificate',
      ],
      ['LDAP', at('ldap'), 'corporate', `StartTLS; base ${stack.ldap.baseDn}`],
    ],
  );
  const accounts = renderTable(
    ['account', 'password', 'what'],
    [
      ...stack.accounts.map(({ address, password, role, note }) => [
        address,
        password,
        [role, note].filter(Boolean).join(': '),
      ]),
      ...DEMO_ALIASES.map(([address, what]) => [address, '', what]),
    ],
  );
  const state = shown(layout.state);
  return [
    addresses,
    accounts,
    `Mail to the outside waits in the relay until something listens on ${at('world')}: the demo sends nothing to the Internet.`,
    `CA ${shown(stack.ca)} · logs ${state}/log · everything in ${state}/stack.json`,
    'Try: swaks --server ' +
      `${endpoints.smtp.host}:${endpoints.smtp.port} --to user1@domain1.example` +
      `\n     curl --cacert ${shown(stack.ca)} -u user1@domain1.example:user1 'imaps://${at('imaps')}/INBOX;MAILINDEX=1'`,
    `     swaks --server ${at('hubSubmission')} --tls --auth-user user1@domain1.example --auth-password user1 --from user1@domain1.example --to user2@domain1.example`,
    '',
  ].join('\n');
}
