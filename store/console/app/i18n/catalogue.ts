/** English texts are the keys, so the English catalogue has words for codes alone; a test holds the others to all of them. */
export type Catalogue = Readonly<Record<string, string>>;
