import { preferences } from '../state/preferences.ts';

export interface ShownLabel {
  readonly keyword: string;
  readonly name: string;
  readonly colour: number;
}

/** Keywords that are nobody's label: of protocols and of other programs. */
const isPlain = (keyword: string): boolean => !/^(?:\$|\\|nonjunk|junk|notjunk|forwarded|redirected)/i.test(keyword);

/** Labels of an email: what the user has named, and what other programs put there under its own name. */
export function labelsOf(keywords: Readonly<Record<string, true>>): ShownLabel[] {
  const known = preferences.value.labels;
  return Object.keys(keywords)
    .filter(isPlain)
    .map((keyword) => known.find((each) => each.keyword === keyword) ?? { keyword, name: keyword, colour: 7 });
}

export function LabelChips({ keywords }: { readonly keywords: Readonly<Record<string, true>> }) {
  const labels = labelsOf(keywords);
  return labels.length === 0 ? null : (
    <span class="label-chips">
      {labels.map(({ keyword, name, colour }) => (
        <span key={keyword} class={`label-chip label-${colour % 8}`}>
          {name}
        </span>
      ))}
    </span>
  );
}
