import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/i18n.ts';
import { Spinner } from './button.tsx';

/** A part of the app that is loaded when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [Part, setPart] = useState<{ readonly part: ComponentType<P> } | undefined>(
      loaded === undefined ? undefined : { part: loaded },
    );
    const [why, setWhy] = useState('');
    useEffect(() => {
      if (Part !== undefined) return;
      load().then(
        (part) => {
          loaded = part;
          setPart({ part });
        },
        (error: unknown) => setWhy(error instanceof Error ? error.message : String(error)),
      );
    }, []);
    if (why !== '') return <p class="notice">{t('app.failed', { why })}</p>;
    return Part === undefined ? <Spinner label={t('app.loading')} /> : <Part.part {...props} />;
  };
}
