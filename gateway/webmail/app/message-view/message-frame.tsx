import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { openCompose, readMailto } from '../state/compose.ts';
import { handleKey } from '../state/shortcuts.ts';
import { frameDocument } from './frame-document.ts';
import type { SanitisedMessage } from './sanitise.ts';

/** Text that was made for a wider page is not made smaller than this. */
const SMALLEST_ZOOM = 0.6;
/** Longest height; what is longer scrolls within. */
const MAX_HEIGHT = 60_000;

/**
 * Shows sanitised HTML in a frame where no script runs. It has our origin only so that we, from outside, can measure it and hear its keys: without
 * `allow-scripts` nobody inside can make use of that.
 */
export function MessageFrame(props: {
  readonly message: SanitisedMessage;
  readonly title: string;
  readonly remote: boolean;
  readonly dark: boolean;
}) {
  const { message, dark, remote } = props;
  const frame = useRef<HTMLIFrameElement>(null);
  const [height, setHeight] = useState(60);
  const own = dark && !message.hasColours;
  const source = useMemo(
    () =>
      frameDocument(message, {
        origin: location.origin,
        remote,
        dark: own,
        inverted: dark && !own,
        font: 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif',
      }),
    [message, remote, own, dark],
  );
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    let observer: ResizeObserver | undefined;
    const loaded = (): void => {
      const page = element.contentDocument;
      if (page?.body === null || page === null) return;
      observer?.disconnect();
      const { body, documentElement: root } = page;
      let fittedWidth = 0;
      const measure = (): void => {
        if (root.clientWidth !== fittedWidth) {
          fittedWidth = root.clientWidth;
          fitWidth(page);
        }
        const bar = root.scrollWidth > root.clientWidth ? 16 : 0;
        const bottom = body.scrollHeight * Number(body.style.zoom || 1);
        setHeight(Math.min(Math.max(Math.ceil(bottom), 24) + bar, MAX_HEIGHT));
      };
      observer = new ResizeObserver(measure);
      observer.observe(body);
      observer.observe(root);
      for (const image of Array.from(page.images)) {
        image.addEventListener('load', () => {
          fittedWidth = 0;
          measure();
        });
      }
      page.addEventListener('keydown', handleKey);
      page.addEventListener('click', (event) => {
        const link = (event.target as Element | null)?.closest?.('a[href^="mailto:" i]');
        if (link == null) return;
        event.preventDefault();
        openCompose(readMailto(link.getAttribute('href') ?? ''));
      });
      measure();
    };
    element.addEventListener('load', loaded);
    // Set here, after the listener, so that no load is missed.
    element.srcdoc = source;
    return () => {
      element.removeEventListener('load', loaded);
      observer?.disconnect();
    };
  }, [source]);
  return (
    <iframe
      ref={frame}
      title={props.title}
      class={dark && !own ? 'message-frame message-frame-inverted' : 'message-frame'}
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
      referrerpolicy="no-referrer"
      style={{ height: `${height}px` }}
    />
  );
}

/** Makes smaller what is wider than the frame, as far as it can be read then; what is wider still scrolls. */
function fitWidth({ body, documentElement: root }: Document): void {
  body.style.zoom = '1';
  const zoom = root.clientWidth / root.scrollWidth;
  if (zoom > 0 && zoom < 1) body.style.zoom = String(Math.max(zoom, SMALLEST_ZOOM));
}
