/** Initials on one of the design's colours, the same for the same address every time. */
export function Avatar({ name, address }: { readonly name: string; readonly address: string }) {
  const words = (name.split('@')[0] ?? '')
    .replace(/[^\p{L}\p{N}\s]/gu, ' ')
    .trim()
    .split(/\s+/);
  const initials = [words[0], words.length > 1 ? words.at(-1) : undefined]
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase();
  let sum = 0;
  for (const character of address.toLowerCase()) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9_973;
  return (
    <span class={`avatar label-${sum % 8}`} aria-hidden="true">
      {initials || '·'}
    </span>
  );
}
