import _ from 'lodash'
export const processEvent = (event) => _.identity(event)
