import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { get } from '../api.ts';
import { t } from '../i18n.ts';
import { sentenceOf } from '../state.ts';

/** What the API says under a path, read again on demand. */
export function useLoaded<T>(path: string): { value: T | undefined; why: string | undefined; reload: () => void } {
  const [state, setState] = useState<{ path: string; value?: T; why?: string }>({ path });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    get<T>(path).then(
      (value) => current && setState({ path, value }),
      (error: unknown) => current && setState({ path, why: sentenceOf(error) }),
    );
    return () => {
      current = false;
    };
  }, [path, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  // What was read under another path is not shown under this one.
  const fresh = state.path === path;
  return { value: fresh ? state.value : undefined, why: fresh ? state.why : undefined, reload };
}

export function Loading(props: { why: string | undefined }) {
  return <p class={props.why === undefined ? 'muted' : 'refusal'}>{props.why ?? t('Loading …')}</p>;
}

export function Badge(props: { kind: 'good' | 'warn' | 'bad' | 'plain'; children: ComponentChildren }) {
  return <span class={`badge ${props.kind}`}>{props.children}</span>;
}

export function StateBadge(props: { active: boolean; deleted?: boolean }) {
  if (props.deleted === true) return <Badge kind="bad">{t('to be deleted')}</Badge>;
  return props.active ? <Badge kind="good">{t('active')}</Badge> : <Badge kind="warn">{t('suspended')}</Badge>;
}

/** A secret that is told once. */
export function Told(props: { label: string; secret: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div class="told">
      <span>{props.label}</span>
      <code>{props.secret}</code>
      <button
        type="button"
        onClick={() =>
          navigator.clipboard.writeText(props.secret).then(
            () => setCopied(true),
            () => setCopied(false),
          )
        }
      >
        {copied ? t('Copied') : t('Copy')}
      </button>
    </div>
  );
}
