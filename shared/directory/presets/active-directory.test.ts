import { expect, test } from 'vitest';
import type { LdapEntry } from '../ldap-connection.ts';
import { activeDirectoryPreset } from './active-directory.ts';
import { decide } from './decide.ts';
import type { AddressQuestion } from './preset.ts';

const entry = (dn: string, attributes: Record<string, readonly string[]>): LdapEntry => ({
  dn,
  attributes: new Map(Object.entries(attributes)),
});
const read = (address: string, ...entries: LdapEntry[]) => {
  const domain = 'here.example';
  const question: AddressQuestion = { address, domain, isDefaultDomain: true, baseDn: 'OU=x' };
  return decide(activeDirectoryPreset([domain]).read(entries, question), question).answer;
};

const GUID = '00112233445566778899aabbccddeeff';

test('targetAddress (Exchange): a person whose mailbox is elsewhere is an alias', () => {
  const remote = entry('CN=a,OU=x', {
    objectclass: ['user'],
    mail: ['a@here.example'],
    targetaddress: ['SMTP:a@else.example'],
  });
  expect(read('a@here.example', remote)).toEqual({ kind: 'alias', targets: ['a@else.example'], catchAll: false });
});

test('objectGUID is turned into the text that administrators see', () => {
  const user = entry('CN=a,OU=x', { objectclass: ['user'], mail: ['a@here.example'], useraccountcontrol: ['512'] });
  expect(read('a@here.example', user)).toMatchObject({ kind: 'unknown', cause: expect.stringContaining('objectGUID') });
  const whole = { ...user, attributes: new Map([...user.attributes, ['objectguid', [GUID]]]) };
  expect(read('a@here.example', whole)).toMatchObject({ account: { uuid: '33221100-5544-7766-8899-aabbccddeeff' } });
});

test('an account whose state cannot be read is "don’t know", never active', () => {
  const user = entry('CN=a,OU=x', { objectclass: ['user'], mail: ['a@here.example'], objectguid: [GUID] });
  expect(read('a@here.example', user)).toMatchObject({ kind: 'unknown' });
});
