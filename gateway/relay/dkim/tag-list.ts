const TAG_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/**
 * A list of tags, `name=value` between semicolons (RFC 6376 §3.2), of a signature or a key record. Names differ by case;
 * blanks and folds around name and value belong to neither.
 *
 * @returns undefined when the text is no such list, or names a tag twice: then the whole list is invalid
 */
export function readTagList(text: string): ReadonlyMap<string, string> | undefined {
  const tags = new Map<string, string>();
  const specs = text.split(';');
  for (const [i, spec] of specs.entries()) {
    const equals = spec.indexOf('=');
    if (equals < 0) {
      if (i === specs.length - 1 && spec.trim() === '') break;
      return undefined;
    }
    const name = spec.slice(0, equals).trim();
    if (!TAG_NAME.test(name) || tags.has(name)) return undefined;
    tags.set(name, spec.slice(equals + 1).trim());
  }
  return tags;
}

/** A colon-separated list in a tag, in lower case and without blanks. */
export function readNames(value: string): string[] {
  return value
    .split(':')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}
