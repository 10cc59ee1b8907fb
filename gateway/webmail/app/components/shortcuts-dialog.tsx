import { t } from '../i18n/i18n.ts';
import { type Shortcut, shortcuts } from '../state/shortcuts.ts';
import { Dialog } from './dialog.tsx';

const GROUPS = ['move', 'act', 'compose', 'go'] as const;

/** All keys that do something now. */
export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }) {
  const all = shortcuts.value;
  return (
    <Dialog title={t('shortcuts.title')} onClose={onClose} class="dialog-wide">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: where it scrolls, keys must reach it */}
      <div class="shortcut-groups" tabIndex={0}>
        {GROUPS.map((group) => {
          const list = all.filter((each) => each.group === group);
          if (list.length === 0) return null;
          return (
            <section key={group}>
              <h3>{t(`shortcuts.${group}`)}</h3>
              <dl>
                {list.map((each) => (
                  <ShortcutRow key={each.name} shortcut={each} />
                ))}
              </dl>
            </section>
          );
        })}
      </div>
    </Dialog>
  );
}

function ShortcutRow({ shortcut }: { readonly shortcut: Shortcut }) {
  const ctrl = /Mac/.test(navigator.platform) ? '⌘' : 'Ctrl';
  return (
    <div class="shortcut-row">
      <dt>{t(shortcut.name)}</dt>
      <dd>
        {shortcut.keys.map((keys) => (
          <kbd key={keys}>{keys.replace('Mod', ctrl)}</kbd>
        ))}
      </dd>
    </div>
  );
}
