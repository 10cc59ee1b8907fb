/** Whether a pattern stands for a domain: itself, `.example` for everything below `example`, `*` for all. */
export function matchesDomain(pattern: string, domain: string): boolean {
  if (pattern === '*') return true;
  const name = domain.toLowerCase();
  return pattern.startsWith('.') ? name.endsWith(pattern) : name === pattern;
}

/** The most particular entry that stands for a domain. */
export function entryFor<T>(entries: Readonly<Record<string, T>>, domain: string): T | undefined {
  const name = domain.toLowerCase();
  if (Object.hasOwn(entries, name)) return entries[name];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const parent = name.slice(dot);
    if (Object.hasOwn(entries, parent)) return entries[parent];
  }
  return Object.hasOwn(entries, '*') ? entries['*'] : undefined;
}
