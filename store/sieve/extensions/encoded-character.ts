import type { Extension } from '../program.ts';

/** RFC 5228 §2.4.2.4. Strings are decoded when they are compiled (`text.ts`). */
export const encodedCharacter: Extension = { capability: 'encoded-character' };
