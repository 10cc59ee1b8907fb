import type { AddressRefusal, Service, SignInAnswer } from '@postern/shared/directory/directory.ts';

/** What the sample tree answers: one table, asked of slapd and of the embedded directory. */
export interface AddressCheck {
  readonly address: string;
  readonly account?: string;
  readonly targets?: readonly string[];
  readonly catchAll?: boolean;
  readonly refused?: AddressRefusal;
}

export const ADDRESS_CHECKS: readonly AddressCheck[] = [
  { address: 'user1@domain1.example', account: 'user1@domain1.example' },
  { address: 'User1@DOMAIN1.Example', account: 'user1@domain1.example' },
  { address: 'user1+tag@domain1.example', account: 'user1@domain1.example' },
  { address: 'info+tag@domain1.example', targets: ['user1@domain1.example'] },
  { address: 'info@domain1.example', targets: ['user1@domain1.example'] },
  {
    address: 'team@domain1.example',
    targets: ['info@domain1.example', 'user1@domain1.example', 'user2@domain1.example'],
  },
  { address: 'forward@domain1.example', targets: ['someone@elsewhere.example'] },
  { address: 'duty@domain1.example', targets: ['postmaster'] },
  { address: 'postmaster', targets: ['user1@domain1.example'] },
  { address: 'nobody@domain1.example', refused: 'no-such-user' },
  { address: 'nobody+user1@domain1.example', refused: 'no-such-user' },
  { address: '@domain1.example', refused: 'no-such-user' },
  { address: 'anybody@domain2.example', targets: ['user5@domain2.example'], catchAll: true },
  { address: 'user4@domain2.example', account: 'user4@domain2.example' },
  { address: 'suspended@domain1.example', refused: 'account-inactive' },
  { address: 'suspended@domain2.example', refused: 'account-inactive' },
  { address: 'suspended+tag@domain2.example', refused: 'account-inactive' },
  { address: 'leaver@domain1.example', refused: 'account-deleted' },
  { address: 'leaver@domain2.example', refused: 'account-deleted' },
  { address: 'retired@domain1.example', refused: 'alias-inactive' },
  { address: 'retired@domain2.example', refused: 'alias-inactive' },
  { address: 'user1@suspended.example', refused: 'domain-inactive' },
  { address: 'anybody@suspended.example', refused: 'domain-inactive' },
  { address: 'user1@deleted.example', refused: 'domain-deleted' },
  { address: 'anybody@deleted.example', refused: 'domain-deleted' },
  { address: 'user1@elsewhere.example', refused: 'no-such-domain' },
  { address: 'user1@[192.0.2.1]', refused: 'no-such-domain' },
  // Filter syntax in an address is text like any other (RFC 4515 §3).
  { address: '*@domain1.example', refused: 'no-such-user' },
  { address: 'user*@domain1.example', refused: 'no-such-user' },
  { address: 'x)(mail=user1@domain1.example', refused: 'no-such-user' },
  { address: 'x)(objectClass=*@domain1.example', refused: 'no-such-user' },
  { address: 'user1\\2a@domain1.example', refused: 'no-such-user' },
  { address: 'user1\u0000@domain1.example', refused: 'no-such-user' },
  { address: 'user1@*', refused: 'no-such-domain' },
  { address: 'jürgen@domain1.example', refused: 'no-such-user' },
  { address: `${'x'.repeat(5_000)}@domain1.example`, refused: 'no-such-user' },
];

export interface SignInCheck {
  readonly user: string;
  readonly password: string;
  readonly service: Service;
  readonly answer: 'granted' | Extract<SignInAnswer, { kind: 'refused' }>['why'];
}

export const SIGN_IN_CHECKS: readonly SignInCheck[] = [
  { user: 'user1@domain1.example', password: 'user1', service: 'imap', answer: 'granted' },
  { user: 'USER1@domain1.EXAMPLE', password: 'user1', service: 'submission', answer: 'granted' },
  { user: 'user2@domain1.example', password: 'user2', service: 'imap', answer: 'granted' },
  { user: 'user1', password: 'user1', service: 'imap', answer: 'granted' },
  { user: 'user1@domain1.example', password: 'User1', service: 'imap', answer: 'bad-credentials' },
  { user: 'user1@domain1.example', password: '', service: 'imap', answer: 'empty-password' },
  { user: 'nobody@domain1.example', password: '', service: 'imap', answer: 'empty-password' },
  { user: 'nobody@domain1.example', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  { user: 'user1@nowhere.example', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  { user: '', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  { user: '*', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  // A tag, an alias and a catch-all receive mail; nobody signs in as them.
  { user: 'user1+tag@domain1.example', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  { user: 'info@domain1.example', password: 'user1', service: 'imap', answer: 'bad-credentials' },
  { user: 'anybody@domain2.example', password: 'user5', service: 'imap', answer: 'bad-credentials' },
  { user: 'poponly@domain1.example', password: 'poponly', service: 'pop3', answer: 'granted' },
  { user: 'poponly@domain1.example', password: 'poponly', service: 'imap', answer: 'service-not-allowed' },
  { user: 'poponly@domain1.example', password: 'wrong', service: 'imap', answer: 'bad-credentials' },
  { user: 'user1@domain1.example', password: 'user1', service: 'relay', answer: 'service-not-allowed' },
  { user: 'suspended@domain1.example', password: 'suspended', service: 'imap', answer: 'inactive' },
  { user: 'suspended@domain1.example', password: 'wrong', service: 'imap', answer: 'bad-credentials' },
  { user: 'leaver@domain1.example', password: 'leaver', service: 'imap', answer: 'inactive' },
  { user: 'user1@suspended.example', password: 'user1', service: 'imap', answer: 'inactive' },
  { user: 'user1@deleted.example', password: 'user1', service: 'imap', answer: 'inactive' },
];
