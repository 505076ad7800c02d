/**
 * Why one record cannot be used. Completes "FILE:LINE …"; caught where records are counted, never
 * shown alone.
 */
export class UnusableRecord extends Error {}
