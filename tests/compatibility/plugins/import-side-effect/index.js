import 'left-pad'
export const processEvent = (event) => event
