"""Problems: headers that promote an item and group others; read for every record for what they name."""
