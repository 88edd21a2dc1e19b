//! Power cuts and kills of a real Redis under a real userd, for each way of keeping data. (Row 8 of the fault
//! table.) The simulator is checked in `power_loss`.
