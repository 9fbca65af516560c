// The scale of the ratings: PercePiano's answers from 1 to 7, divided by 7 and not stretched to 0 to 1.

export const LOWEST = 1 / 7;
export const NEUTRAL = 4 / 7; // the middle of the seven steps: not 0.5, as the lowest answer is not 0
