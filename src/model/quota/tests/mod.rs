mod charging;
mod hostile;
mod naive;
mod policies;
mod presets;
