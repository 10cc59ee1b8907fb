/** The rights of RFC 4314 §2.1, in the order in which they are told. */
export const ALL_RIGHTS = 'lrswipkxtea';

/** Some of {@link ALL_RIGHTS}. */
export type Rights = ReadonlySet<string>;

/** Nobody's: what is not granted is refused. */
export const NO_RIGHTS: Rights = new Set();

/** The owner of a mailbox has all rights, always. */
export const OWNER_RIGHTS: Rights = new Set(ALL_RIGHTS);

/** In the one order. */
export function rightsText(rights: Rights): string {
  return [...ALL_RIGHTS].filter((right) => rights.has(right)).join('');
}

/** One line of an access control list: what it grants, or takes away (RFC 4314 §2: the identifier begins with `-`). */
export interface GrantedRights {
  readonly negative: boolean;
  readonly rights: Rights;
}

/** RFC 4314 §2: what any line grants, without what any negative line takes away. */
export function effectiveRights(lines: readonly GrantedRights[]): Rights {
  const taken = new Set(lines.filter(({ negative }) => negative).flatMap(({ rights }) => [...rights]));
  const granted = lines.filter(({ negative }) => !negative).flatMap(({ rights }) => [...rights]);
  return new Set(granted.filter((right) => !taken.has(right)));
}
