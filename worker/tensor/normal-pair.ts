/** Two normal numbers of two uniform ones, above 0 to 1 and from 0 to below 1: Box and Muller. */
export function normalPair(u: number, v: number): readonly [number, number] {
  const length = Math.sqrt(-2 * Math.log(u));
  const angle = 2 * Math.PI * v;
  return [length * Math.cos(angle), length * Math.sin(angle)];
}
