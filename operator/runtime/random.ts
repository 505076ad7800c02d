/** Numbers in [0, 1), as a parameter: tests give their own. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
