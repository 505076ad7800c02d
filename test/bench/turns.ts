/**
 * Whoever is measured first has the cooler processor, or the emptier cache: in every second round
 * the order is the other one.
 */
export function inTurn<T>(all: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? all : all.toReversed();
}
