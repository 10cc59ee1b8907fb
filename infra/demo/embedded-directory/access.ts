import { comparableDn } from '@postern/shared/directory/presets/entry.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** The rules of schema/ldap/jamm.access, for the embedded directory; kept alike by the tests of both. */
export interface Access {
  mayRead(entry: TreeEntry, attribute: string): boolean;
  /** `values`: those that are added or removed, where a rule is about one value. */
  mayWrite(entry: TreeEntry, attribute: string, values?: readonly string[]): boolean;
  /** Adding an entry, or removing it: asks for the entry itself and for the children of the one above. */
  mayAddOrRemove(dn: string): boolean;
}

type Level = 'write' | 'write-only' | 'read' | 'none';
/** Who a line of a rule is for; `domain` is the name of the domain that the entry stands below. */
type Who = (domain: string, dn: string) => boolean;

/** One rule: the first that fits decides, and its first line that fits. */
interface Rule {
  readonly to: RegExp;
  readonly attributes?: readonly string[];
  /** The rule is about this value alone, and who is not named in it goes on to the next. */
  readonly value?: string;
  readonly by: readonly (readonly [Who, Level])[];
}

const PASSWORDS = ['userpassword', 'clearpassword'];
const ENTRY = 'entry';
const CHILDREN = 'children';

/** @param user DN of the bound user; undefined for anonymous */
export function accessOf(user: string | undefined, adminDn: string, baseDn: string, tree: Tree): Access {
  const me = user === undefined ? undefined : comparableDn(user);
  const base = comparableDn(baseDn);
  const suffix = base.slice(base.indexOf(',') + 1);
  const shellPeople = `ou=people,${suffix}`;
  const isRoot = me !== undefined && me === comparableDn(adminDn);
  const isNamed = (roleDn: string): boolean =>
    me !== undefined && (tree.get(roleDn)?.attributes.get('roleoccupant') ?? []).some((dn) => comparableDn(dn) === me);
  const allows = (domain: string, what: string): boolean =>
    tree.get(`jvd=${domain},${baseDn}`)?.attributes.get(what)?.[0]?.toUpperCase() === 'TRUE';

  const store: Who = () => me === `cn=store,${suffix}`;
  const relay: Who = () => me === `cn=relay,${suffix}`;
  const self: Who = (_, dn) => me === dn;
  const users: Who = () => me !== undefined;
  const administrators: Who = () => isNamed(`cn=administrators,${baseDn}`);
  const postmasters: Who = (domain) => isNamed(`cn=postmaster,jvd=${domain},${baseDn}`);
  const people: Who = (domain) => new RegExp(`^mail=[^,]+,jvd=${escaped(domain)},${escaped(base)}$`).test(me ?? '');
  const where =
    (what: string): Who =>
    (domain, dn) =>
      allows(domain, what) && postmasters(domain, dn);
  const accountEditors = where('editaccounts');

  const at = (pattern: string): RegExp => new RegExp(`^${pattern},${escaped(base)}$`);
  const ACCOUNT = at('mail=[^,]+,jvd=([^,]+)');
  const APP_PASSWORD = at('cn=[^,]+,mail=[^,]+,jvd=([^,]+)');
  const BELOW_DOMAIN = at('(?:mail|cn)=[^,]+,jvd=([^,]+)');
  const POSTMASTER = at('cn=postmaster,jvd=([^,]+)');
  const DOMAIN = at('jvd=([^,]+)');
  const readers: Rule['by'] = [
    [people, 'read'],
    [postmasters, 'read'],
    [store, 'read'],
    [relay, 'read'],
  ];

  const rules: readonly Rule[] = [
    { to: APP_PASSWORD, attributes: ['userpassword'], by: [[store, 'write-only']] },
    {
      to: APP_PASSWORD,
      by: [
        [store, 'write'],
        [relay, 'read'],
        [administrators, 'write'],
        [accountEditors, 'write'],
      ],
    },
    {
      to: ACCOUNT,
      attributes: [CHILDREN],
      by: [
        [store, 'write'],
        [administrators, 'write'],
        [accountEditors, 'write'],
      ],
    },
    {
      to: BELOW_DOMAIN,
      attributes: PASSWORDS,
      by: [
        [self, 'write-only'],
        [administrators, 'write-only'],
        [accountEditors, 'write-only'],
      ],
    },
    {
      to: ACCOUNT,
      attributes: ['pwdchangedtime'],
      by: [
        [store, 'read'],
        [relay, 'read'],
        [administrators, 'read'],
        [self, 'read'],
      ],
    },
    {
      to: ACCOUNT,
      attributes: ['secondfactor'],
      by: [
        [store, 'write'],
        [administrators, 'write'],
        [accountEditors, 'write'],
        [relay, 'read'],
        [self, 'read'],
      ],
    },
    { to: ACCOUNT, attributes: ['objectclass'], value: 'posternsecondfactor', by: [[store, 'write']] },
    { to: ACCOUNT, attributes: ['objectclass'], value: 'posternforwarding', by: [[self, 'write']] },
    {
      to: ACCOUNT,
      attributes: ['forwardto', 'forwardonly'],
      by: [
        [self, 'write'],
        [administrators, 'write'],
        [accountEditors, 'write'],
        [store, 'read'],
        [relay, 'read'],
      ],
    },
    {
      to: ACCOUNT,
      attributes: ['cn', 'sn', 'description', 'lastchange'],
      by: [[self, 'write'], [administrators, 'write'], [accountEditors, 'write'], ...readers],
    },
    {
      to: POSTMASTER,
      attributes: ['roleoccupant'],
      by: [[administrators, 'write'], [where('editpostmasters'), 'write'], ...readers],
    },
    { to: POSTMASTER, by: [[administrators, 'write'], ...readers] },
    {
      to: at('mail=@[^,]*,jvd=([^,]+)'),
      by: [[administrators, 'write'], [where('editcatchall'), 'write'], ...readers],
    },
    { to: BELOW_DOMAIN, by: [[administrators, 'write'], [accountEditors, 'write'], [self, 'read'], ...readers] },
    {
      to: DOMAIN,
      attributes: [CHILDREN],
      by: [
        [administrators, 'write'],
        [postmasters, 'write'],
      ],
    },
    { to: DOMAIN, by: [[administrators, 'write'], ...readers] },
    {
      to: at('cn=administrators'),
      by: [
        [administrators, 'write'],
        [store, 'read'],
      ],
    },
    {
      to: new RegExp(`^${escaped(base)}$`),
      by: [
        [administrators, 'write'],
        [users, 'read'],
      ],
    },
    {
      to: at('.+'),
      by: [
        [administrators, 'write'],
        [store, 'read'],
        [relay, 'read'],
      ],
    },
    {
      to: new RegExp(`^(?:.+,)?${escaped(shellPeople)}$`),
      attributes: ['userpassword'],
      by: [
        [self, 'write-only'],
        [administrators, 'write-only'],
      ],
    },
    {
      to: new RegExp(`^${escaped(shellPeople)}$`),
      by: [
        [administrators, 'write'],
        [users, 'read'],
      ],
    },
    {
      to: new RegExp(`^.+,${escaped(shellPeople)}$`),
      by: [
        [administrators, 'write'],
        [store, 'read'],
        [relay, 'read'],
        [self, 'read'],
      ],
    },
    { to: /^/, attributes: PASSWORDS, by: [[self, 'write-only']] },
    { to: /^/, by: [[users, 'read']] },
  ];

  const fitting = new Map<string, readonly Rule[]>();
  const rulesFor = (key: string): readonly Rule[] => {
    const known = fitting.get(key) ?? rules.filter((rule) => rule.to.test(key));
    fitting.set(key, known);
    return known;
  };
  const levelOf = (dn: string, attribute: string, value?: string): Level => {
    if (isRoot) return 'write';
    const key = comparableDn(dn);
    for (const rule of rulesFor(key)) {
      const match = rule.to.exec(key);
      if (match === null || rule.attributes?.includes(attribute) === false) continue;
      if (rule.value !== undefined && rule.value !== value) continue;
      const line = rule.by.find(([who]) => who(match[1] ?? '', key));
      if (line !== undefined) return line[1];
      if (rule.value === undefined) return 'none';
    }
    return 'none';
  };
  const writes = (level: Level): boolean => level === 'write' || level === 'write-only';

  return {
    mayRead(entry, attribute) {
      const level = levelOf(entry.dn, attribute.toLowerCase());
      return level === 'read' || level === 'write';
    },
    mayWrite(entry, attribute, values = []) {
      const name = attribute.toLowerCase();
      if (writes(levelOf(entry.dn, name))) return true;
      return values.length > 0 && values.every((value) => writes(levelOf(entry.dn, name, value.toLowerCase())));
    },
    mayAddOrRemove(dn) {
      const parent = /^(?:[^,\\]|\\.)*,(.*)$/s.exec(comparableDn(dn))?.[1] ?? '';
      return writes(levelOf(dn, ENTRY)) && writes(levelOf(parent, CHILDREN));
    },
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
