// The comparison, rendered again when its histories change.
import { type ReactNode, useMemo, useSyncExternalStore } from 'react';
import type { LiveHistories } from './live-histories.ts';
import { type CompareProps, CompareScreen } from './screen.tsx';

type LiveProps = Omit<CompareProps, 'all' | 'away' | 'took'> & {
  readonly histories: LiveHistories;
};

export function LiveComparison({ histories, ...shown }: LiveProps): ReactNode {
  const version = useSyncExternalStore(histories.subscribe, () => histories.version);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version means that there is more to compare
  const all = useMemo(() => histories.all, [histories, version]);
  return <CompareScreen {...shown} all={all} away={histories.away} took={histories.took} />;
}
